"""Home is slow, hangs or is gone: whatever can be answered is answered, with a standby and without."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial

import pytest

from providers.answers import INDEX_LOADING
from providers.native.embedded import EmbeddedServer
from tests.faults.lab import Lab, running_lab
from tests.faults.starving import Answers, clients_of, known_to_be_complete
from tests.support.faults import hanging, slowed
from tests.support.postgres import reachable_folder
from tests.support.service import Service, running_service

CLIENTS = 8
ROUNDS = 2
STANDS_STILL = 4.0  # seconds, less than a deadline

Trouble = Callable[[EmbeddedServer], AbstractContextManager[None]]

SLOW = [
    pytest.param(partial(slowed, factor=10), id="10 times"),
    pytest.param(partial(slowed, factor=100), id="100 times", marks=pytest.mark.soak),
]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Two databases, for all tests, who leave them as they found them."""
    with running_lab() as opened:
        asyncio.run(known_to_be_complete(opened.service.url))
        yield opened


@pytest.fixture(scope="module")
def alone() -> Iterator[Service]:
    """A service as it comes, over the server that it brings."""
    with reachable_folder() as folder, running_service(folder) as service:
        yield service


@pytest.mark.thorough
@pytest.mark.parametrize("trouble", [*SLOW, pytest.param(hanging, id="hangs")])
async def test_with_a_standby_everybody_is_answered(lab: Lab, trouble: Trouble) -> None:
    """Reads are answered by the standby, and writes are stored or accepted."""
    async with clients_of(lab.service.url) as answers:
        with trouble(lab.databases["home"].server):
            await answers.live_at_once(CLIENTS, ROUNDS)

    _judge(answers)


async def test_with_a_standby_a_home_that_is_gone_is_not_missed(lab: Lab) -> None:
    """Connections are refused: the same."""
    async with clients_of(lab.service.url) as answers:
        lab.databases["home"].kill()
        try:
            await answers.live_at_once(CLIENTS, ROUNDS)
        finally:
            await asyncio.to_thread(lab.databases["home"].start)

    _judge(answers)
    assert answers.statuses["remember 202"] == CLIENTS * ROUNDS


@pytest.mark.thorough
async def test_writes_are_accepted_while_home_hangs(lab: Lab) -> None:
    """All of them, whatever home says, since it says nothing."""
    async with clients_of(lab.service.url) as answers:
        with hanging(lab.databases["home"].server):
            await answers.live_at_once(CLIENTS, 1)

    _judge(answers)
    for what in ("remember", "update", "delete"):
        assert answers.statuses[f"{what} 202"] == CLIENTS


@pytest.mark.parametrize("trouble", SLOW)
@pytest.mark.thorough
async def test_without_a_standby_a_slow_home_is_waited_for(alone: Service, trouble: Trouble) -> None:
    """It answers within the deadline, and so does the service."""
    async with clients_of(alone.url) as answers:
        with trouble(_server_of(alone)):
            await answers.live_at_once(CLIENTS, ROUNDS)

    _judge(answers)
    assert set(answers.degraded) <= {f"recall {INDEX_LOADING}"}  # a slow server fills a new index late


@pytest.mark.thorough
async def test_without_a_standby_a_home_that_stands_still_is_waited_for(alone: Service) -> None:
    """For less than a deadline: whoever asked meanwhile is answered afterwards."""
    async with clients_of(alone.url) as answers:
        await answers.live_at_once(CLIENTS, 1)
        living = asyncio.create_task(answers.live_at_once(CLIENTS, 3))
        with hanging(_server_of(alone)):
            await asyncio.sleep(STANDS_STILL)
        await living

    _judge(answers)


@pytest.mark.thorough
async def test_without_a_standby_writes_are_accepted_while_home_hangs() -> None:
    """Where there is a journal."""
    with reachable_folder() as folder:
        service = Service(folder, {"NINAI__JOURNAL__KIND": "sqlite"})
        try:
            await asyncio.to_thread(service.start)
            async with clients_of(service.url) as answers:
                with hanging(_server_of(service)):
                    await answers.write_at_once(CLIENTS)
        finally:
            await asyncio.to_thread(service.kill_everything)

    _judge(answers)
    assert answers.statuses == {
        "remember 202": 2 * CLIENTS,
        "update 202": CLIENTS,
        "delete 202": 2 * CLIENTS,
    }


def _server_of(service: Service) -> EmbeddedServer:
    return EmbeddedServer(service.data_dir / "postgres")


def _judge(answers: Answers) -> None:
    assert answers.refusals == [], f"{len(answers.refusals)} of {answers.statuses.total()}: {answers.refusals[:3]}"
    assert answers.lacking == []
