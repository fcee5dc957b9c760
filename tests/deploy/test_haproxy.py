"""The configurations of deploy/haproxy, where there is a HAProxy to run: what they pass on, and what not."""

import re
import subprocess
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry

from app.main import create_app
from app.settings import load
from tests.support.haproxy import BY_LOAD, BY_USER, HAPROXY, HOST, haproxy, needs_haproxy, variables
from tests.support.rolling import statuses_while_replaced
from tests.support.service import environment

THREE = {"one": 1, "two": 2, "three": 3}
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


@needs_haproxy
@pytest.mark.parametrize("config", [BY_LOAD, BY_USER], ids=lambda path: path.stem)
@pytest.mark.parametrize("given", [environment(), variables(f"{HOST}:9", THREE)])
def test_haproxy_takes_the_configuration(config: Path, given: dict[str, str]) -> None:
    """It finds nothing to complain of, not even a warning, as the file is and with other places."""
    assert HAPROXY is not None
    done = subprocess.run(  # noqa: S603 - what was found, with our own file
        [HAPROXY, "-c", "-f", config],
        env=given,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, "WARNING" in done.stderr) == (0, False), done.stderr


@needs_haproxy
@pytest.mark.parametrize("config", [BY_LOAD, BY_USER], ids=lambda path: path.stem)
async def test_what_callers_need_is_passed_on_alone(config: Path, tmp_path: Path) -> None:
    """Of all that a replica serves, what is for operators is not there; without a replica everything else is 503."""
    async with haproxy(THREE, tmp_path, config) as front, httpx.AsyncClient(trust_env=False) as client:
        statuses = {path: (await client.get(f"{front.url}{path}")).status_code for path in served()}

    operators = {path for path in served() if path.startswith(OPERATORS)}
    assert "/memory/memories" in served() - operators
    assert {"/admin/providers", "/console", "/metrics"} <= operators
    assert statuses == {path: 404 if path in operators else 503 for path in served()}


@needs_haproxy
@pytest.mark.parametrize("config", [BY_LOAD, BY_USER], ids=lambda path: path.stem)
async def test_no_spelling_leads_to_what_is_for_operators(config: Path, tmp_path: Path) -> None:
    """What a replica takes for one of their paths is refused as the path itself."""
    async with haproxy(THREE, tmp_path, config) as front, httpx.AsyncClient(trust_env=False) as client:
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
