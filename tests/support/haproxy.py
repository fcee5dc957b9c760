"""A real HAProxy with a configuration of deploy/haproxy, before replicas on ports of this machine."""

import asyncio
import re
import shutil
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType

import pytest

from tests.support.rolling import Front
from tests.support.service import environment

FOLDER = Path(__file__).parents[2] / "deploy" / "haproxy"
BY_LOAD = FOLDER / "haproxy.cfg"
BY_USER = FOLDER / "by-user.cfg"
WITH_TLS = FOLDER / "one-host.cfg"
HAPROXY = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
HOST = "127.0.0.1"
START_SECONDS = 10.0

needs_haproxy = pytest.mark.skipif(HAPROXY is None, reason="there is no haproxy (Debian: haproxy)")


class HAProxy(Front):
    """HAProxy with a shipped configuration; it tells in its log who is up."""

    def __init__(self, port: int, log: Path) -> None:
        self.address = f"{HOST}:{port}"
        self._log = log

    @property
    def url(self) -> str:
        """Where clients come."""
        return f"http://{self.address}"

    def is_ready(self, name: str) -> bool:
        """What was said last of a backend; until something is said, it is taken for up."""
        said = re.findall(rf"Server replicas/{name} is (UP|DOWN)", self.said())
        return not said or said[-1] == "UP"

    def said(self) -> str:
        """Everything in its log."""
        return self._log.read_text(errors="replace")


def variables(listen: str, replicas: Mapping[str, int]) -> dict[str, str]:
    """What the configuration asks for."""
    places = {f"NINAI_{name.upper()}": f"{HOST}:{port}" for name, port in replicas.items()}
    return environment(NINAI_LISTEN=listen, **places)


@asynccontextmanager
async def haproxy(
    replicas: Mapping[str, int], folder: Path, config: Path = BY_LOAD, more: Mapping[str, str] = MappingProxyType({})
) -> AsyncIterator[HAProxy]:
    """Run it before these ports, with more variables for the configuration."""
    assert HAPROXY is not None
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        front = HAProxy(probe.getsockname()[1], folder / "haproxy.log")
    with (folder / "haproxy.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            HAPROXY, "-db", "-f", config, env=variables(front.address, replicas) | dict(more), stdout=log, stderr=log
        )
    try:
        async with asyncio.timeout(START_SECONDS):
            while True:
                try:
                    _, writer = await asyncio.open_connection(*front.address.split(":"))
                except OSError:
                    assert process.returncode is None, front.said()
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    break
        yield front
    finally:
        process.terminate()
        await process.wait()
