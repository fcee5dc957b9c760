"""What every provider promises of summaries: they are equal where two stores hold the same, and differ where not."""

from uuid import uuid4

import pytest
from msgspec.structs import replace

from providers.base import MemoryProvider
from providers.limits import MAX_VERSION
from providers.mem0.provider import Mem0HttpMemoryProvider
from providers.memory.provider import MockMemoryProvider
from providers.owners import Owner
from providers.replica import Replica
from providers.summaries import OwnerSummary, summary_of
from providers.types import Snapshot
from tests.support.states import live, tombstone

NEWER = 2_000 << 16


@pytest.fixture
def replica(provider: MemoryProvider) -> Replica:
    """The provider, which can be compared with another."""
    assert isinstance(provider, Replica)
    return provider


async def summary_in(replica: Replica, user: str) -> OwnerSummary:
    """Find the summary of a user, one page after the other."""
    after: Owner | None = None
    while True:
        page = await replica.summaries(2, after=after)
        assert [summary.owner for summary in page] == await replica.owners(2, after=after)
        found = [summary for summary in page if summary.owner.user == user]
        if found:
            return found[0]
        after = page[-1].owner


async def test_a_summary_counts_and_digests_what_there_is(replica: Replica, user: str) -> None:
    """Whoever computes it, in SQL or here, the digest is the same; the greatest versions and many states included."""
    states: list[Snapshot] = [live(user, version=MAX_VERSION), live(user, version=0), tombstone(live(user), 1)]
    states += [live(user, f"tea {number}", number) for number in range(12)]
    await replica.put_many(states)

    found = await summary_in(replica, user)
    assert found == summary_of(Owner(user), states)
    assert (found.live, found.deleted) == (14, 1)


async def test_equal_stores_have_equal_summaries(replica: Replica, user: str) -> None:
    """In whatever order, and by whatever versions of their tombstones, they came to hold the same."""
    other = MockMemoryProvider()
    states = [live(user), live(user, "coffee"), tombstone(live(user), 1)]
    await replica.put_many(states)
    await other.put_many([*states[1::-1], replace(states[2], version=states[2].version + 1)])

    assert await summary_in(replica, user) == await summary_in(other, user)


@pytest.mark.parametrize("what", ["missing", "newer", "deleted", "unrecorded", "exchanged"])
async def test_different_stores_have_different_summaries(replica: Replica, user: str, what: str) -> None:
    """A memory less or another one, another version, a deletion, or a tombstone that only one has."""
    states = [live(user), live(user, "coffee")]
    more = {
        "missing": [states[0]],
        "newer": [states[0], replace(states[1], version=NEWER)],
        "deleted": [states[0], tombstone(states[1], 1)],
        "unrecorded": [*states, tombstone(live(user), 1)],
        "exchanged": [states[0], replace(states[1], id=str(uuid4()))],
    }
    other = MockMemoryProvider()
    await replica.put_many(states)
    await other.put_many(more[what])

    assert await summary_in(replica, user) != await summary_in(other, user)


async def test_only_mem0_is_changed_past_us(replica: Replica) -> None:
    """What it lacks may have been deleted there; what the others lack is lost."""
    assert replica.changed_elsewhere == isinstance(replica, Mem0HttpMemoryProvider)
