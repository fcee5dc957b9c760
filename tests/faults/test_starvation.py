"""Slow is not down: on a host that is busy, and from a provider that takes its time, everybody is answered."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from tests.faults.lab import Lab, running_lab
from tests.faults.starving import Answers, busy_host, clients_of, known_to_be_complete
from tests.support.fickle_http import Behaviour, FickleHttp, Received
from tests.support.mem0_spec import SpecServer
from tests.support.postgres import reachable_folder
from tests.support.service import Service, running_service

# Memories, clients of the user who has them and their questions, clients of small users and their rounds.
SIZES = [
    pytest.param((1_500, 8, 2, 16, 1), id="small"),
    pytest.param((20_000, 16, 8, 40, 5), id="large", marks=pytest.mark.soak),
]
_DRAINED_BY = 120.0  # seconds

Size = tuple[int, int, int, int, int]


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Two databases of its own."""
    with running_lab() as opened:
        asyncio.run(known_to_be_complete(opened.service.url))
        yield opened


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.thorough
async def test_one_native_on_a_busy_host(size: Size) -> None:
    """Nobody is refused within the deadline, however little processor there is."""
    with reachable_folder() as folder, running_service(folder) as service:
        async with clients_of(service.url) as answers:
            await answers.fill(size[0])
            await _starve(answers, size)

    _judge(answers)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.thorough
async def test_a_chain_of_two_on_a_busy_host(lab: Lab, size: Size) -> None:
    """Two healthy natives refuse nobody whom one alone would have answered."""
    async with clients_of(lab.service.url) as answers:
        await answers.fill(size[0])
        deadline = time.monotonic() + _DRAINED_BY
        while any(backlog.pending for backlog in (await lab.status()).backlogs):
            assert time.monotonic() < deadline, "the standby does not receive what home has"
            await asyncio.sleep(0.2)
        await _starve(answers, size)

    _judge(answers)


@pytest.mark.parametrize("seconds", [0.8, 3.0])
@pytest.mark.thorough
async def test_a_mem0_whose_search_is_slow(seconds: float) -> None:
    """A mem0 that is alone answers every question, one after the other, however long each takes."""
    with reachable_folder() as folder:
        async with SpecServer() as mem0, FickleHttp(mem0.base_url) as proxy:
            variables = {
                "NINAI__ORDER": "mem0",
                "NINAI__PROVIDERS__MEM0__KIND": "mem0",
                "NINAI__PROVIDERS__MEM0__DIALECT": "spec",
                "NINAI__PROVIDERS__MEM0__BASE_URL": proxy.base_url,
            }
            service = Service(folder, variables)
            try:
                await asyncio.to_thread(service.start)
                async with clients_of(service.url) as answers:
                    await proxy.become(Behaviour.SLOW, delay=seconds, only=_searches)
                    await answers.live_at_once(16, 1)
            finally:
                await asyncio.to_thread(service.kill_everything)

    _judge(answers)


def _searches(received: Received) -> bool:
    return "search" in received.path


async def _starve(answers: Answers, size: Size) -> None:
    _, recalling, questions, living, rounds = size
    with busy_host():
        await answers.recall_at_once(recalling, questions)
        await answers.live_at_once(living, rounds)


def _judge(answers: Answers) -> None:
    assert answers.refusals == [], f"{len(answers.refusals)} of {answers.statuses.total()}: {answers.refusals[:3]}"
    assert answers.lacking == []
