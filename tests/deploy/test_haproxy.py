"""The configurations of deploy/haproxy, where there is a HAProxy to run: what they pass on, and what not."""

import asyncio
import re
import shutil
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry

from app.main import create_app
from app.settings import load
from tests.support.haproxy import BY_LOAD, BY_USER, HAPROXY, HOST, WITH_TLS, haproxy, needs_haproxy, variables
from tests.support.postgres import reachable_folder
from tests.support.rolling import statuses_while_replaced
from tests.support.service import environment, running_service

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


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for this machine and its key, in one file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl")
    made, key = tmp_path / "made.pem", tmp_path / "key.pem"
    subject = ["-subj", "/CN=localhost", "-addext", f"subjectAltName=IP:{HOST}"]
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    command = [openssl, "req", *kind, *subject, "-keyout", str(key), "-out", str(made)]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - what was found
    made.write_text(made.read_text() + key.read_text())
    return made


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
@pytest.mark.parametrize("given", [{}, {"NINAI_LISTEN": f"{HOST}:9", "NINAI_ONE": f"{HOST}:1"}])
def test_haproxy_takes_the_configuration_with_tls(given: dict[str, str], certificate: Path) -> None:
    """With a certificate at the place that is named."""
    assert HAPROXY is not None
    done = subprocess.run(  # noqa: S603 - what was found, with our own file
        [HAPROXY, "-c", "-f", WITH_TLS],
        env=environment(NINAI_CERTIFICATE=str(certificate), **given),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, "WARNING" in done.stderr) == (0, False), done.stderr


def test_both_ways_pass_on_the_same() -> None:
    """What is for callers is so whether or not there is TLS."""
    passed = [re.findall(r"acl for_callers .*", path.read_text("utf-8")) for path in (BY_LOAD, BY_USER, WITH_TLS)]

    assert passed[0] == passed[1] == passed[2] != []


@needs_haproxy
@pytest.mark.soak
async def test_a_restart_behind_tls_fails_no_request(certificate: Path, tmp_path: Path) -> None:
    """Requests wait in HAProxy while the one service is replaced; the service learns of TLS and of nobody's lies."""
    with reachable_folder() as folder, running_service(folder, {"MEMORY_PROVIDER": "mock"}) as service:
        port = int(service.url.rsplit(":", 1)[1])
        more = {"NINAI_CERTIFICATE": str(certificate)}
        trusting = ssl.create_default_context(cafile=certificate)
        async with (
            haproxy({"one": port}, tmp_path, WITH_TLS, more) as front,
            httpx.AsyncClient(base_url=front.url.replace("http", "https"), verify=trusting, trust_env=False) as client,
        ):
            first = await client.get("/memory/memories")
            assert await asyncio.to_thread(service.terminate) == 0
            waiting = [asyncio.create_task(client.get("/memory/memories", timeout=60)) for _ in range(8)]
            await asyncio.sleep(2)
            assert not any(one.done() for one in waiting)
            await asyncio.to_thread(service.start, port)
            answers = [await one for one in waiting]

    assert {answer.status_code for answer in [first, *answers]} == {200}
    assert "strict-transport-security" in first.headers


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
