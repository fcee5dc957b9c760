"""A real Prometheus that scrapes one service, where the program is installed: Debian has it in `prometheus`."""

import contextlib
import math
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import yaml

START_SECONDS = 30.0
STOP_SECONDS = 30.0
EVERY_SECONDS = 1.0  # it scrapes and evaluates its rules
LOOKBACK_SECONDS = 300.0  # its own default

_POLL = 0.05
_LISTENING = re.compile(r'msg="Listening on" address=(\S+)')

_found = shutil.which("prometheus")

needs_prometheus = pytest.mark.skipif(_found is None, reason="prometheus is not installed (Debian: prometheus)")


class Sample(NamedTuple):
    """One series of an answer, and what it says at that moment."""

    labels: Mapping[str, str]
    value: float

    @property
    def is_number(self) -> bool:
        """Whether it says anything: a quantile of nothing and a share of nothing are NaN."""
        return not math.isnan(self.value)


class Prometheus:
    """A Prometheus with its data in a folder, which looks at `target` ("host:port") again and again under a job's name.

    The rules are those of the files, but all of them are evaluated as often, however seldom they want to be. `every` is
    seconds; what has not been seen for `lookback` seconds is not there any more.
    """

    def __init__(
        self,
        folder: Path,
        target: str,
        job: str,
        rules: Sequence[Path] = (),
        *,
        every: float = EVERY_SECONDS,
        lookback: float = LOOKBACK_SECONDS,
    ) -> None:
        self.url = ""
        self._folder = folder
        self._errors = folder / "stderr"
        self._process: subprocess.Popen[bytes] | None = None
        self._lookback = lookback
        self._http = httpx.Client(trust_env=False, timeout=30)
        names = [self._copied(file) for file in rules]
        interval = f"{round(1000 * every)}ms"
        (folder / "prometheus.yml").write_text(
            yaml.safe_dump(
                {
                    "global": {
                        "scrape_interval": interval,
                        "scrape_timeout": interval,
                        "evaluation_interval": interval,
                    },
                    "rule_files": names,
                    "scrape_configs": [{"job_name": job, "static_configs": [{"targets": [target]}]}],
                }
            )
        )

    def start(self) -> None:
        """Start it on a free port, and wait until it answers."""
        assert _found is not None
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(  # noqa: S603 - the arguments are the tests' own
                [
                    _found,
                    "--config.file=prometheus.yml",
                    "--storage.tsdb.path=data",
                    "--web.listen-address=127.0.0.1:0",
                    f"--query.lookback-delta={round(1000 * self._lookback)}ms",
                    "--log.level=info",
                ],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            assert self._process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(_POLL)

    def stop(self) -> None:
        """End it, and wait until it is gone."""
        self._http.close()
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_SECONDS)

    def said(self) -> str:
        """Return its log."""
        return self._errors.read_text(errors="replace") if self._errors.exists() else ""

    def ask(self, expression: str) -> list[Sample]:
        """Return the value of an expression now; fail with what Prometheus answers if it cannot read it."""
        found = self._get("/api/v1/query", {"query": expression})
        kind, result = found["resultType"], found["result"]
        if kind == "scalar":
            return [Sample({}, float(result[1]))]
        assert kind == "vector", (kind, expression)
        return [Sample(one["metric"], float(one["value"][1])) for one in result]

    def values_of(self, label: str, selector: str) -> list[str]:
        """Return the values that a label has in the series of a selector."""
        values: list[str] = self._get(f"/api/v1/label/{label}/values", {"match[]": selector})
        return values

    def _get(self, path: str, query: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON
        response = self._http.get(f"{self.url}{path}", params=query)
        answer = response.json()
        assert answer["status"] == "success", (query, answer)
        return answer["data"]

    def _is_ready(self) -> bool:
        listening = _LISTENING.search(self.said())
        if listening is None:
            return False
        self.url = f"http://{listening[1]}"
        with contextlib.suppress(httpx.TransportError):
            return self._http.get(f"{self.url}/-/ready").status_code == httpx.codes.OK
        return False

    def _copied(self, file: Path) -> str:
        parsed = yaml.safe_load(file.read_text("utf-8"))
        for group in parsed["groups"]:
            group.pop("interval", None)
        (self._folder / file.name).write_text(yaml.safe_dump(parsed))
        return file.name


@contextlib.contextmanager
def running_prometheus(
    folder: Path,
    target: str,
    job: str,
    rules: Sequence[Path] = (),
    *,
    every: float = EVERY_SECONDS,
    lookback: float = LOOKBACK_SECONDS,
) -> Iterator[Prometheus]:
    """Yield a Prometheus that answers, and is gone afterwards."""
    prometheus = Prometheus(folder, target, job, rules, every=every, lookback=lookback)
    try:
        prometheus.start()
        yield prometheus
    finally:
        prometheus.stop()
