"""The HAProxy of deploy/haproxy before two real replicas, where there is a HAProxy to run."""

import asyncio
import re
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry

from app.main import create_app
from app.settings import load
from tests.support.rolling import Front, statuses_while_replaced
from tests.support.service import environment

CONFIG = Path(__file__).parents[2] / "deploy" / "haproxy" / "haproxy.cfg"
HAPROXY = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
HOST = "127.0.0.1"
START_SECONDS = 10.0
OPERATORS = ("/admin/", "/console", "/metrics")
OTHERWISE_WRITTEN = [
    "//metrics",
    "/%6detrics",
    "/metrics/",
    "//admin/providers",
    "/admin%2fproviders",
    "//console",
    "/%63onsole",
]

needs_haproxy = pytest.mark.skipif(HAPROXY is None, reason="there is no haproxy (Debian: haproxy)")


class HAProxy(Front):
    """HAProxy with the shipped configuration; it tells in its log who is up."""

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
async def haproxy(replicas: Mapping[str, int], folder: Path) -> AsyncIterator[HAProxy]:
    """Run it before these ports."""
    assert HAPROXY is not None
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        front = HAProxy(probe.getsockname()[1], folder / "haproxy.log")
    with (folder / "haproxy.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            HAPROXY, "-db", "-f", CONFIG, env=variables(front.address, replicas), stdout=log, stderr=log
        )
    try:
        async with asyncio.timeout(START_SECONDS), httpx.AsyncClient(trust_env=False) as client:
            while True:
                try:
                    await client.get(front.url)
                except httpx.TransportError:
                    assert process.returncode is None, front.said()
                    await asyncio.sleep(0.05)
                else:
                    break
        yield front
    finally:
        process.terminate()
        await process.wait()


@needs_haproxy
@pytest.mark.parametrize("given", [environment(), variables(f"{HOST}:9", {"one": 1, "two": 2})])
def test_haproxy_takes_the_configuration(given: dict[str, str]) -> None:
    """It finds nothing to complain of, not even a warning, as the file is and with other places."""
    assert HAPROXY is not None
    done = subprocess.run(  # noqa: S603 - what was found, with our own file
        [HAPROXY, "-c", "-f", CONFIG],
        env=given,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, "WARNING" in done.stderr) == (0, False), done.stderr


@needs_haproxy
async def test_what_callers_need_is_passed_on_alone(tmp_path: Path) -> None:
    """Of all that a replica serves, what is for operators is not there; without a replica everything else is 503."""
    async with haproxy({"one": 1, "two": 2}, tmp_path) as front, httpx.AsyncClient(trust_env=False) as client:
        statuses = {path: (await client.get(f"{front.url}{path}")).status_code for path in served()}

    operators = {path for path in served() if path.startswith(OPERATORS)}
    assert "/memory/memories" in served() - operators
    assert {"/admin/providers", "/console", "/metrics"} <= operators
    assert statuses == {path: 404 if path in operators else 503 for path in served()}


@needs_haproxy
async def test_no_spelling_leads_to_what_is_for_operators(tmp_path: Path) -> None:
    """What a replica takes for one of their paths is refused as the path itself."""
    async with haproxy({"one": 1, "two": 2}, tmp_path) as front, httpx.AsyncClient(trust_env=False) as client:
        statuses = {path: (await client.get(f"{front.url}{path}")).status_code for path in OTHERWISE_WRITTEN}

    assert statuses == dict.fromkeys(OTHERWISE_WRITTEN, 404)


def served() -> set[str]:
    """Every path of a replica, with something in each place that is left open."""
    app = create_app(load(None, environ={"MEMORY_PROVIDER": "mock"}).settings, CollectorRegistry())
    return {re.sub(r"\{[^}]*\}", "1", route.path) for route in app.routes}


@needs_haproxy
@pytest.mark.soak
async def test_a_rolling_restart_fails_no_request(database: str, tmp_path: Path) -> None:
    """Whoever comes with a new connection or keeps one is answered while both replicas are replaced."""
    statuses = await statuses_while_replaced(database, lambda ports: haproxy(ports, tmp_path))

    assert set(statuses) == {200}
    assert statuses[200] > 100
