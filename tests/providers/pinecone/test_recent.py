"""What this process wrote and removed lately counts in every read that began while it did."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from providers.owners import Owner
from providers.pinecone.namespaces import Namespaces
from providers.pinecone.recent import RecentWrites
from providers.pinecone.records import name_of
from providers.pinecone.settings import PineconeSettings
from providers.replica import Replica
from providers.states.clock import HybridClock, new_memory_id
from providers.states.editing import first_state
from providers.types import NewMemory
from tests.support.clock import FakeClock
from tests.support.fickle_http import Received
from tests.support.native import host_for
from tests.support.pinecone.running import pinecone_at
from tests.support.pinecone.server import FakePinecone

ANN = Owner("ann")
STALENESS = 0.4  # seconds
SHOWN = 0.3  # seconds after which everything is shown
LINGER = 0.6  # seconds that an answer takes which was made before
_CLOCK = HybridClock()


class LateAnswers(FakePinecone):
    """An index whose answers to reads are made at once and given after `linger` seconds."""

    linger = 0.0

    async def _act(self, received: Received) -> bytes:
        answer = await super()._act(received)
        if received.method == "GET":
            await asyncio.sleep(self.linger)
        return answer


@pytest.fixture
async def fake() -> AsyncIterator[LateAnswers]:
    """An index that is behind by much."""
    async with LateAnswers(delay=SHOWN) as opened:
        yield opened


@pytest.fixture
def settings(fake: LateAnswers) -> PineconeSettings:
    """Settings that allow for it."""
    return pinecone_at(fake.base_url, staleness_seconds=STALENESS)


@pytest.fixture
async def provider(settings: PineconeSettings) -> AsyncIterator[Replica]:
    """A provider with these settings."""
    async with settings.open(host_for()) as opened:
        yield opened


async def test_what_was_removed_is_not_seen_in_an_answer_that_comes_late(fake: LateAnswers, provider: Replica) -> None:
    """The answer was made before the removal was shown, and comes after the time that is allowed for it.

    Meanwhile somebody else writes, which is when the process forgets what it need not know any more.
    """
    await provider.remember("ann", "tea")
    await asyncio.sleep(SHOWN)
    assert await provider.purge(ANN, _CLOCK.next()) == 1
    fake.linger = LINGER
    again = asyncio.create_task(provider.purge(ANN, _CLOCK.next()))
    await asyncio.sleep((STALENESS + LINGER) / 2)
    await provider.remember("bob", "tea")
    assert await again == 0


async def test_what_was_written_is_seen_in_an_answer_that_comes_late(fake: LateAnswers, provider: Replica) -> None:
    """So it is with a write."""
    memory_id = await provider.remember("ann", "tea")
    fake.linger = LINGER
    assert [memory.id for memory in await provider.list_memories("ann")] == [memory_id]


async def test_an_erased_owner_is_none_at_once(provider: Replica) -> None:
    """Although the index shows the removed records, and counts them, for a while."""
    await provider.remember("ann", "tea")
    kept = await provider.remember("bob", "tea")
    await asyncio.sleep(SHOWN)
    assert await provider.owners() == [ANN, Owner("bob")]
    assert await provider.purge(ANN, _CLOCK.next()) == 1
    assert await provider.owners() == [Owner("bob")]
    assert [memory.id for memory in await provider.list_memories("bob")] == [kept]


async def test_an_owner_of_nothing_but_a_head_is_none(
    fake: LateAnswers, provider: Replica, settings: PineconeSettings
) -> None:
    """As a write of another process leaves it that met an erasure."""
    await provider.remember("ann", "tea")
    namespace = Namespaces(settings.prefix).of(ANN)
    written = fake.records.written(namespace)
    fake.records.remove(namespace, [one for one in written if one != "head"])
    await asyncio.sleep(STALENESS)
    assert await provider.owners() == []


def test_nothing_is_forgotten_during_a_read() -> None:
    """Not even by another read that begins later; afterwards it is."""
    clock = FakeClock()
    recent = RecentWrites(STALENESS, clock)
    state = first_state(NewMemory(owner=ANN, content="tea"), new_memory_id(), _CLOCK.next(), _CLOCK.moment())
    recent.put(ANN, [state], [])
    recent.remove(ANN, ["gone"])
    with recent.reading():
        clock.pass_by(STALENESS)
        with recent.reading():
            assert recent.owners() == [ANN]
        assert recent.of(ANN)[state.id].name == name_of(state)
        assert recent.have_lost() == {ANN}
    assert recent.of(ANN) == {}
    assert recent.owners() == []
    assert not recent.have_lost()
    assert not recent.is_removed(ANN, "gone")
