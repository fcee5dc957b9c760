"""A real server that speaks OpenSearch's protocol for the tests, on a free port of this machine."""

import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import osmem_server
from msgspec.structs import replace

from observability.secret import Secret
from providers.opensearch.settings import OpenSearchSettings

_STARTED_WITHIN = 60.0  # seconds, on a busy machine


class OpenSearchServer:
    """A server that keeps its indexes in its memory, so that whoever kills it has another store afterwards."""

    def __init__(self, port: int = 0) -> None:
        self.url = ""
        self._port = port
        self._process: subprocess.Popen[str] | None = None

    def settings(self, **others: Any) -> OpenSearchSettings:  # noqa: ANN401 - whatever the settings take
        """The settings of a provider in an index that nobody has used before."""
        return replace(OpenSearchSettings(url=Secret(self.url), index=f"t{uuid4().hex}"), **others)

    def start(self) -> None:
        """Start it, and wait until it tells where it answers."""
        binary = Path(osmem_server.resolve_binary())
        binary.chmod(binary.stat().st_mode | 0o111)
        command = [str(binary), "--no-ja", "--no-stdin-watch", "--addr", f"127.0.0.1:{self._port}"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)  # noqa: S603 - the package's own server
        assert self._process.stdout is not None
        told = json.loads(self._process.stdout.readline())
        self.url = str(told["url"])
        self._port = int(self.url.rpartition(":")[2])
        ends = time.monotonic() + _STARTED_WITHIN
        while not self._answers():
            assert time.monotonic() < ends, "the server does not start"
            time.sleep(0.02)

    def kill(self) -> None:
        """Kill it, with all that it has."""
        self.signal(signal.SIGKILL)
        assert self._process is not None
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, such as one that stops it."""
        assert self._process is not None
        self._process.send_signal(number)

    def ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """Return the answer to a request that must succeed."""
        answer = httpx.request(method, f"{self.url}{path}", json=body, trust_env=False, timeout=_STARTED_WITHIN)
        assert answer.is_success, answer.text
        return answer.json()

    def _answers(self) -> bool:
        try:
            return bool(self.ask("GET", "/"))
        except httpx.TransportError:
            return False


@contextlib.contextmanager
def running_opensearch() -> Iterator[OpenSearchServer]:
    """Yield a server, gone afterwards."""
    server = OpenSearchServer()
    server.start()
    try:
        yield server
    finally:
        server.kill()
