"""The service stops: not ready first, then gone, and nobody's request fails."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.settings import ConfigError, load
from app.settings.model import MAX_DRAIN_SECONDS
from tests.support.balancer import Balancer
from tests.support.postgres import reachable_folder
from tests.support.rolling import statuses_while_replaced
from tests.support.service import START_SECONDS, STOP_SECONDS, Service, running_service

MOCK = {"MEMORY_PROVIDER": "mock"}
LONG = "60"  # seconds of grace that no test waits for


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that PostgreSQL's account can reach."""
    with reachable_folder() as made:
        yield made


def wait_until_leaving(service: Service) -> httpx.Response:
    """Ask until the service says that it is not ready any more."""
    deadline = time.monotonic() + START_SECONDS
    while (response := httpx.get(f"{service.url}/readyz", trust_env=False)).status_code == httpx.codes.OK:
        assert time.monotonic() < deadline, "it stays ready"
        time.sleep(0.02)
    return response


@pytest.mark.thorough
def test_it_serves_on_while_it_is_not_ready_any_more(folder: Path) -> None:
    """Every worker says that it is leaving, and answers all the same; a second SIGTERM ends it at once."""
    with running_service(folder, MOCK | {"NINAI__SERVER__DRAIN": LONG, "NINAI__SERVER__WORKERS": "2"}) as service:
        service.main.terminate()
        told = wait_until_leaving(service)
        with httpx.Client(base_url=service.url, trust_env=False) as client:
            served = [client.post("/memory/remember", json={"content": "tea"}) for _ in range(5)]
        live = httpx.get(f"{service.url}/livez", trust_env=False).status_code
        code = service.terminate()

    assert (told.status_code, told.json()["ready"], told.json()["leaving"]) == (503, False, True)
    assert told.json()["providers"]["mock"]["healthy"] is True
    assert [(one.status_code, one.headers["connection"]) for one in served] == [(200, "close")] * 5
    assert (live, code) == (200, 0)


@pytest.mark.thorough
@pytest.mark.parametrize(("drain", "number"), [("0.3", signal.SIGTERM), (LONG, signal.SIGINT)])
def test_it_ends_by_itself(folder: Path, drain: str, number: signal.Signals) -> None:
    """After the time of grace if there is one; an interrupt from the keyboard waits for nobody."""
    with running_service(folder, MOCK | {"NINAI__SERVER__DRAIN": drain}) as service:
        service.main.send_signal(number)

        assert service.main.wait(STOP_SECONDS) == 0


@pytest.mark.parametrize("drain", [0, MAX_DRAIN_SECONDS])
def test_the_time_of_grace_may_be(drain: float) -> None:
    """Nothing, or five minutes, which is more than any load balancer needs."""
    assert load(None, environ={"NINAI__SERVER__DRAIN": str(drain)}).settings.server.drain == drain


@pytest.mark.parametrize("drain", ["-0.1", str(MAX_DRAIN_SECONDS + 0.1), "nan", "soon"])
def test_the_time_of_grace_has_bounds(drain: str) -> None:
    """What is no such time is refused under its name."""
    with pytest.raises(ConfigError, match=r"server\.drain"):
        load(None, environ={"NINAI__SERVER__DRAIN": drain})


@pytest.mark.soak
async def test_a_rolling_restart_fails_no_request(database: str) -> None:
    """Two replicas on one database are replaced one after the other, under load, behind a load balancer."""
    statuses = await statuses_while_replaced(database, Balancer)

    assert set(statuses) == {200}
    assert statuses[200] > 100
