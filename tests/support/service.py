"""The real service: `ninai serve` as a process of its own, with its workers and its PostgreSQL."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Self

import httpx

from observability.recent import SHARED_SECONDS

NINAI = Path(sys.executable).with_name("ninai")
START_SECONDS = 120.0  # however busy the machine is
STOP_SECONDS = 30.0

_URL = re.compile(r"^ninaivalaigal on (http://\S+)", re.MULTILINE)
_POLL = 0.05


def environment(**variables: str) -> dict[str, str]:
    """Return what a command finds in its environment: these variables, and nothing of the test run's own."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **variables}


def ninai(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with these variables in its environment."""
    return subprocess.run(  # noqa: S603 - our own command
        [NINAI, *arguments],
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )


class Service:
    """One `ninai serve` on a free port, with its data in a folder that outlives it."""

    def __init__(self, folder: Path, variables: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.data_dir = folder / "data"
        self.url = ""
        self._variables = dict(variables or {})
        self._errors = folder / "stderr"
        self._process: subprocess.Popen[bytes] | None = None
        self._seen: set[int] = set()

    @property
    def main(self) -> subprocess.Popen[bytes]:
        """The process that was started."""
        assert self._process is not None
        return self._process

    def start(self, port: int = 0) -> Self:
        """Start it, on a free port unless one is given, and wait until it is ready."""
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [NINAI, "serve", "--port", str(port), "--data-dir", self.data_dir],
                env=environment(**self._variables),
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                start_new_session=True,
            )
        self._wait_for("its address", self._find_url)
        self.wait_until_ready()
        self._seen |= self.processes()
        return self

    def adopt(self, process: subprocess.Popen[bytes]) -> None:
        """Take a process for the service that somebody else has started."""
        self._process = process

    def wait_for_file(self, path: Path) -> None:
        """Wait until it has made a file."""
        self._wait_for(str(path), path.exists)

    def wait_until_ready(self) -> None:
        """Wait until it says that it can serve."""
        self._wait_for("readiness", self._is_ready)
        self._seen |= self.processes()

    def said(self) -> str:
        """Return its output since it was started."""
        return self._errors.read_text(errors="replace") if self._errors.exists() else ""

    def metrics(self, key: str | None = None) -> str:
        """Return its metrics by now, for a key if it has keys; those of a moment ago would be returned again."""
        time.sleep(SHARED_SECONDS)
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return httpx.get(f"{self.url}/metrics", headers=headers, trust_env=False).raise_for_status().text

    def processes(self) -> set[int]:
        """Return every living process of it: what it started, and what works in its folder."""
        children: dict[int, list[int]] = {}
        found: set[int] = set()
        for pid, parent in _living():
            children.setdefault(parent, []).append(pid)
            with contextlib.suppress(OSError):
                if str(Path(f"/proc/{pid}/cwd").readlink()).startswith(str(self.folder)):
                    found.add(pid)
            if pid == self.main.pid or pid in self._seen:
                found.add(pid)
        waiting = list(found)
        while waiting:
            for child in children.get(waiting.pop(), ()):
                if child not in found:
                    found.add(child)
                    waiting.append(child)
        return found

    def workers(self) -> set[int]:
        """Return the processes that answer requests."""
        return {pid for pid, parent in _living() if parent == self.main.pid and _command(pid) == _command(parent)}

    def kill_everything(self) -> None:
        """End all of its processes at once, without a chance to say goodbye."""
        for pid in self.processes():
            _kill(pid)
        self.main.wait(STOP_SECONDS)

    def kill_main(self) -> None:
        """End the process that was started, without a chance to say goodbye."""
        self.main.kill()
        self.main.wait(STOP_SECONDS)

    def kill_workers(self) -> None:
        """End the processes that answer requests, without a chance to say goodbye."""
        for pid in self.workers():
            _kill(pid)

    def terminate(self) -> int:
        """Ask it to stop, and return its exit code."""
        self.main.terminate()
        return self.main.wait(STOP_SECONDS)

    def wait_until_gone(self) -> None:
        """Wait until none of its processes is left."""
        self._wait_for("the end of all processes", lambda: not self.processes(), living=False)

    def _find_url(self) -> bool:
        found = _URL.search(self.said())
        self.url = found[1] if found else ""
        return found is not None

    def _is_ready(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/readyz", trust_env=False).status_code == httpx.codes.OK
        return False

    def _wait_for(self, what: str, condition: Callable[[], bool], *, living: bool = True) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not condition():
            if living and self.main.poll() is not None:
                raise AssertionError(f"the service stopped with {self.main.returncode}: {self.said()[-1000:]}")
            if time.monotonic() > deadline:
                raise AssertionError(f"waited for {what}; left are {self.processes()}: {self.said()[-1000:]}")
            time.sleep(_POLL)


@contextlib.contextmanager
def running_service(folder: Path, variables: Mapping[str, str] | None = None, port: int = 0) -> Iterator[Service]:
    """A service that is ready, and gone afterwards with all of its processes."""
    service = Service(folder, variables)
    try:
        yield service.start(port)
    finally:
        if service.main.poll() is None:
            service.main.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                service.main.wait(STOP_SECONDS)
        service.kill_everything()


def _living() -> Iterator[tuple[int, int]]:
    """Yield every process with its parent, without those that have ended and wait to be noticed."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                state, parent = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
                if state not in {"Z", "X"}:
                    yield int(entry.name), int(parent)


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
