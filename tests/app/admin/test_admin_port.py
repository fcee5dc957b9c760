"""A port for the admin API alone."""

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.admin.port import OnAdminPort
from app.auth.keys import hash_key, new_key
from tests.support.api import BASE_URL, running_app
from tests.support.chains import two_providers
from tests.support.postgres import reachable_folder
from tests.support.service import Service, ninai, running_service
from tests.support.sockets import several, wait_for

OPEN = ["/livez", "/readyz", "/memory/health", "/metrics", "/docs", "/openapi.json"]


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture(scope="module")
def port() -> int:
    """The port for the admin API."""
    return free_port()


@pytest.fixture(scope="module")
def service(port: int) -> Iterator[Service]:
    """A live service over two providers, with a port for its operator."""
    with reachable_folder() as folder:
        variables = two_providers(folder / "data") | {"NINAI__ADMIN__PORT": str(port)}
        with running_service(folder, variables) as started:
            yield started


def get(url: str) -> httpx.Response:
    """Ask for something, at whichever port."""
    return httpx.get(url, trust_env=False)


def test_the_admin_api_has_a_port_of_its_own(service: Service, port: int) -> None:
    """Through the other port it does not exist; here it is that of the same process."""
    outside, inside = (get(f"{base}/admin/providers") for base in (service.url, f"http://127.0.0.1:{port}"))

    assert (outside.status_code, outside.json()["type"]) == (404, "urn:ninai:problem:not-found")
    assert (inside.status_code, inside.json()["order"]) == (200, ["a", "b"])


def test_the_admin_port_has_no_memories(service: Service, port: int) -> None:
    """Whoever reaches the port for operators reaches nothing else through it."""
    assert get(f"{service.url}/memory/memories").status_code == 200
    assert get(f"http://127.0.0.1:{port}/memory/memories").status_code == 404


@pytest.mark.parametrize("path", OPEN)
def test_some_routes_are_on_both_ports(service: Service, port: int, path: str) -> None:
    """Probes and scrapers may use either."""
    assert get(service.url + path).status_code == get(f"http://127.0.0.1:{port}{path}").status_code == 200


def test_the_console_is_on_the_admin_port_alone(service: Service, port: int) -> None:
    """With all that its pages load; the line at the start tells where it is."""
    inside = f"http://127.0.0.1:{port}"

    for path in ("/console", "/console/login", "/console/files/console.css"):
        assert get(service.url + path).status_code == 404
    assert [get(f"{inside}{path}").status_code for path in ("/console", "/console/files/console.css")] == [200, 200]
    assert f"(console {inside}/console, documentation {service.url}/docs," in service.said()


def test_both_ports_count_in_the_same_metrics(service: Service, port: int) -> None:
    """What was asked through one port is counted by the process, whichever port tells of it."""
    get(f"http://127.0.0.1:{port}/admin/explain")

    assert 'route="/admin/explain",status="200"' in service.metrics()


@pytest.mark.usefixtures("service")
def test_one_address_does_not_take_all_connections_of_the_admin_port(port: int) -> None:
    """Half of them; the newest beyond that are closed, and those before are served."""
    url = f"http://127.0.0.1:{port}"
    with several(url, 64, "127.0.0.2") as allowed:
        assert allowed[-1].ask("/livez").status() == 200
        with several(url, 2, "127.0.0.2") as surplus:
            wait_for(lambda: not any(one.is_open() for one in surplus), "their end")
            assert [one.ask("/livez").status() for one in allowed] == [200] * 64


@pytest.mark.soak
def test_several_workers_share_the_port(tmp_path: Path) -> None:
    """Any one of them answers, as through the other port."""
    port = free_port()
    variables = {"MEMORY_PROVIDER": "mock", "NINAI__SERVER__WORKERS": "2", "NINAI__ADMIN__PORT": str(port)}
    with running_service(tmp_path, variables) as service:
        statuses = {get(f"http://127.0.0.1:{port}/admin/providers").status_code for _ in range(20)}
        code = service.terminate()

    assert (statuses, code) == ({200}, 0)
    assert "Traceback" not in service.said()


@pytest.mark.soak
def test_a_port_that_is_taken_is_told_at_once(tmp_path: Path) -> None:
    """Nothing is started then."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        ended = ninai(
            "serve", "--port", "0", "--data-dir", tmp_path, MEMORY_PROVIDER="mock", NINAI__ADMIN__PORT=str(port)
        )

    reason = f"port {port} of 127.0.0.1 is taken: stop the process that listens there, or configure another admin.port"
    assert (ended.returncode, ended.stderr) == (1, f"Error: {reason}\n")


async def test_where_keys_are_used_the_admin_port_needs_none_to_watch(tmp_path: Path) -> None:
    """Prometheus and probes come through it; the admin API itself asks for a key, and strangers elsewhere too."""
    environ = {
        "MEMORY_PROVIDER": "mock",
        "NINAI__DATA_DIR": str(tmp_path),
        "NINAI__ADMIN__PORT": str(free_port()),
        "NINAI__AUTH__MODE": "api_key",
        "NINAI__AUTH__KEYS__ONE__HASH": hash_key(new_key("one")),
    }
    paths = ("/readyz", "/memory/health", "/metrics", "/admin/providers")
    async with running_app(environ) as app:
        transports = [httpx.ASGITransport(one) for one in (app, OnAdminPort(app))]  # type: ignore[arg-type] # ASGI's open types
        outside, inside = (httpx.AsyncClient(transport=one, base_url=BASE_URL) for one in transports)
        async with outside, inside:
            statuses = [[(await http.get(path)).status_code for path in paths] for http in (outside, inside)]
            told = [set((await http.get("/readyz")).json()) for http in (outside, inside)]

    assert statuses == [[200, 401, 401, 404], [200, 200, 200, 401]]
    assert told == [{"ready"}, {"ready", "providers", "leaving", "mode"}]
