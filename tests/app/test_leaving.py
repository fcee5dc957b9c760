"""The service stops: not ready first, then gone, and nobody's request fails."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from app.settings import ConfigError, load
from app.settings.model import MAX_DRAIN_SECONDS
from tests.support.balancer import CHECK_SECONDS, Balancer
from tests.support.patience import patience_for
from tests.support.postgres import reachable_folder
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


def test_it_serves_on_while_it_is_not_ready_any_more(folder: Path) -> None:
    """Every worker says that it is leaving, and answers all the same; a second SIGTERM ends it at once."""
    with running_service(folder, MOCK | {"NINAI__SERVER__DRAIN": LONG, "NINAI__SERVER__WORKERS": "2"}) as service:
        service.main.terminate()
        told = wait_until_leaving(service)
        served = [
            httpx.post(f"{service.url}/memory/remember", json={"content": "tea"}, trust_env=False).status_code
            for _ in range(5)
        ]
        live = httpx.get(f"{service.url}/livez", trust_env=False).status_code
        code = service.terminate()

    assert (told.status_code, told.json()["ready"], told.json()["leaving"]) == (503, False, True)
    assert told.json()["providers"]["mock"]["healthy"] is True
    assert (served, live, code) == ([200] * 5, 200, 0)


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
    variables = patience_for("native") | {"DATABASE_URL": database, "NINAI__SERVER__DRAIN": "2"}
    statuses: Counter[int] = Counter()
    with ExitStack() as stack:
        replicas = {}
        for name in ("one", "two"):
            place = stack.enter_context(reachable_folder())
            replicas[name] = stack.enter_context(running_service(place, variables))
        ports = {name: int(replica.url.rsplit(":", 1)[1]) for name, replica in replicas.items()}
        async with Balancer(ports) as balancer:
            ended = asyncio.Event()
            clients = [asyncio.create_task(_write(balancer.url, ended, statuses)) for _ in range(8)]
            for name, replica in replicas.items():
                assert await asyncio.to_thread(replica.terminate) == 0
                await asyncio.to_thread(replica.start, ports[name])
                await _ready_again(balancer, name)
            ended.set()
            await asyncio.gather(*clients)

    assert set(statuses) == {200}
    assert statuses[200] > 100


async def _write(url: str, ended: asyncio.Event, statuses: Counter[int]) -> None:
    number = 0
    while not ended.is_set():
        # A connection for each request, so that each is the balancer's choice.
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            response = await client.post(f"{url}/memory/remember", json={"content": f"tea {number}"})
        statuses[response.status_code] += 1
        number += 1


async def _ready_again(balancer: Balancer, name: str) -> None:
    async with asyncio.timeout(START_SECONDS):
        while name not in balancer.ready:  # noqa: ASYNC110 - nobody tells but the balancer's own look
            await asyncio.sleep(CHECK_SECONDS)
