"""What every provider promises of expiries that slide: who is given a memory gives it its time again."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from providers.base import MemoryProvider
from providers.errors import InvalidInput, MemoryNotFound, ProviderError
from providers.limits import MAX_BATCH
from providers.owners import Owner
from providers.replica import Replica
from providers.sliding import MAX_SLIDING_SECONDS, MIN_SLIDING_SECONDS
from providers.summaries import OwnerSummary
from providers.touches import Touch
from providers.types import Deletion, Edit, NewMemory, PageQuery, RecallQuery, Snapshot

HOUR = 3_600
BEGAN = datetime(2997, 3, 1, 12, 0, 0, 1, tzinfo=UTC)
ENDS = BEGAN + timedelta(seconds=HOUR)
LATER = BEGAN + timedelta(minutes=20)
LONGER = LATER + timedelta(seconds=HOUR)
VERSION = 2_000 << 16


@pytest.fixture
def replica(provider: MemoryProvider) -> Replica:
    """The provider, whose states can be read and put."""
    assert isinstance(provider, Replica)
    return provider


async def stored(provider: MemoryProvider, owner: Owner, **parts: Any) -> str:  # noqa: ANN401 - parts of any memory
    """Store a memory that lives for an hour after it was given to somebody last, and return its id.

    The clock of a provider that other tests share may be at the limit of versions, so that it has one of its own.
    """
    fields: dict[str, Any] = {"content": "tea", "expires_at": ENDS, "sliding_seconds": HOUR, "version": VERSION} | parts
    [one] = await provider.store_many([NewMemory(owner=owner, **fields)])
    if isinstance(one, ProviderError):
        raise one
    return one.id


async def touch(provider: MemoryProvider, owner: Owner, *ids: str, moment: datetime = LATER) -> None:
    """Note that somebody was given memories."""
    await provider.touch([Touch(owner=owner, memory_id=memory_id, moment=moment) for memory_id in ids])


async def state_of(replica: Replica, owner: Owner, memory_id: str) -> Snapshot:
    """Return the state of a memory."""
    state = await replica.snapshot(owner, memory_id)
    assert state is not None
    return state


async def summary_of(replica: Replica, owner: Owner) -> OwnerSummary:
    """Return the summary of an owner."""
    [summary] = [one for one in await replica.summaries() if one.owner == owner]
    return summary


async def shown(provider: MemoryProvider, owner: Owner, now: datetime) -> list[int]:
    """Return how many memories a list, its total and a recall show at a moment."""
    page = await provider.page(PageQuery(owner=owner, now=now, total=True))
    found = await provider.find(RecallQuery(owner=owner, query="tea", now=now))
    return [len(page.memories), page.total or 0, len(found.memories)]


async def test_a_touch_gives_a_memory_its_time_again(provider: MemoryProvider, user: str) -> None:
    """Every reader is told the new end and goes by it; neither an earlier touch nor the same one again changes it."""
    owner = Owner(user)
    memory_id = await stored(provider, owner)
    assert await shown(provider, owner, ENDS) == [0, 0, 0]

    for moment in (LATER, BEGAN, LATER):
        await touch(provider, owner, memory_id, moment=moment)

    read = (await provider.fetch(owner, memory_id)).memory
    [listed] = (await provider.page(PageQuery(owner=owner))).memories
    [recalled] = (await provider.find(RecallQuery(owner=owner, query="tea"))).memories
    assert {(one.expires_at, one.sliding_seconds) for one in (read, listed, recalled)} == {(LONGER, HOUR)}
    assert await shown(provider, owner, LONGER - timedelta(microseconds=1)) == [1, 1, 1]
    assert await shown(provider, owner, LONGER) == [0, 0, 0]


async def test_a_touch_is_no_change(replica: Replica, user: str) -> None:
    """Version, moments, edits and digests stay, and nothing comes into the history."""
    owner = Owner(user)
    memory_id = await stored(replica, owner)
    before, summary = await state_of(replica, owner, memory_id), await summary_of(replica, owner)

    await touch(replica, owner, memory_id)

    after = await state_of(replica, owner, memory_id)
    assert after == replace(before, expires_at=LONGER, touched_at=LATER)
    assert await summary_of(replica, owner) == summary
    assert await replica.superseded(owner) == []


async def test_a_touch_that_is_earlier_than_the_writing_changes_no_end(replica: Replica, user: str) -> None:
    """What would end a memory sooner counts for nothing."""
    owner = Owner(user)
    memory_id = await stored(replica, owner)

    await touch(replica, owner, memory_id, moment=BEGAN - timedelta(seconds=1))

    assert (await state_of(replica, owner, memory_id)).expires_at == ENDS


async def test_a_touch_leaves_alone_what_does_not_slide(replica: Replica, user: str) -> None:
    """One of a memory with a fixed end, without an end, of another user, of nobody, or deleted."""
    owner, other = Owner(user), Owner(f"{user} 2")
    fixed = await stored(replica, owner, sliding_seconds=None)
    lasting = await stored(replica, owner, sliding_seconds=None, expires_at=None)
    buried, another = await stored(replica, owner), await stored(replica, other)
    await replica.erase(Deletion(owner=owner, memory_id=buried))
    states = [await replica.snapshots(owner), await replica.snapshots(other)]

    await touch(replica, owner, fixed, lasting, buried, another, "00000000-0000-7000-8000-000000000000")

    assert [await replica.snapshots(owner), await replica.snapshots(other)] == states


async def test_a_change_keeps_the_touch_and_a_new_expiry_begins_anew(replica: Replica, user: str) -> None:
    """An edit of the text keeps the end; one that names an expiry sets it, and takes it away from touches or not."""
    owner = Owner(user)
    memory_id = await stored(replica, owner)
    await touch(replica, owner, memory_id)
    changes: list[dict[str, Any]] = [
        {"content": "green tea"},
        {"expires_at": LONGER + timedelta(days=1), "sliding_seconds": 2 * HOUR},
        {"expires_at": ENDS},
    ]

    answers = [(await replica.change(Edit(owner=owner, memory_id=memory_id, **change))).memory for change in changes]

    assert [(one.expires_at, one.sliding_seconds) for one in answers] == [
        (LONGER, HOUR),
        (LONGER + timedelta(days=1), 2 * HOUR),
        (ENDS, None),
    ]
    await touch(replica, owner, memory_id, moment=LONGER)
    assert (await state_of(replica, owner, memory_id)).expires_at == ENDS


async def test_touches_merge_with_every_version(replica: Replica, user: str) -> None:
    """Whichever version wins, in either order, has the later touch, and its own time from then on."""
    owner = Owner(user)
    memory_id = await stored(replica, owner)
    first = await state_of(replica, owner, memory_id)
    newer = replace(first, version=first.version + 2, content="green tea", updated_at=BEGAN, sliding_seconds=2 * HOUR)
    touched = replace(first, touched_at=LATER, expires_at=LONGER)

    await touch(replica, owner, memory_id, moment=BEGAN)
    assert await replica.put_many([touched]) == [None]
    assert await state_of(replica, owner, memory_id) == touched
    assert await replica.put_many([newer]) == [None]
    last = await state_of(replica, owner, memory_id)
    assert last == replace(newer, touched_at=LATER, expires_at=LATER + timedelta(hours=2))
    assert await replica.put_many([replace(touched, touched_at=ENDS)]) == [None]
    assert await state_of(replica, owner, memory_id) == replace(
        newer, touched_at=ENDS, expires_at=ENDS + timedelta(hours=2)
    )


async def test_a_late_copy_without_the_touch_takes_nothing_away(replica: Replica, user: str) -> None:
    """The state as it was stored, put or stored again after the touch, changes nothing."""
    owner = Owner(user)
    memory_id = await stored(replica, owner)
    before = await state_of(replica, owner, memory_id)
    await touch(replica, owner, memory_id)

    assert await replica.put_many([before]) == [None]
    assert await stored(replica, owner, memory_id=memory_id) == memory_id

    assert (await state_of(replica, owner, memory_id)).expires_at == LONGER


async def test_a_deletion_of_what_had_expired_spares_what_was_touched(replica: Replica, user: str) -> None:
    """It deletes what had expired by its moment alone, and nothing that has no end."""
    owner = Owner(user)
    memory_id = await stored(replica, owner)
    lasting = await stored(replica, owner, expires_at=None, sliding_seconds=None)
    version = (await state_of(replica, owner, memory_id)).version
    await touch(replica, owner, memory_id)

    async def erased(one: str, by: datetime, seen: int | None = None) -> int:
        return (await replica.erase(Deletion(owner=owner, memory_id=one, seen=seen, expired_by=by))).count

    assert await erased(memory_id, ENDS, version) == 0
    assert await erased(lasting, LONGER) == 0
    assert (await replica.fetch(owner, memory_id)).memory.expires_at == LONGER
    assert await erased(memory_id, LONGER, version) == 1


async def test_a_tombstone_drops_the_touch(replica: Replica, user: str) -> None:
    """A deletion wins over a touch, whichever comes first."""
    owner = Owner(user)
    memory_id = await stored(replica, owner)
    await touch(replica, owner, memory_id)
    touched = await state_of(replica, owner, memory_id)
    await replica.erase(Deletion(owner=owner, memory_id=memory_id))

    await touch(replica, owner, memory_id, moment=LONGER)
    await replica.put_many([replace(touched, touched_at=LONGER)])

    buried = await state_of(replica, owner, memory_id)
    assert (buried.deleted, buried.touched_at, buried.sliding_seconds, buried.expires_at) == (True, None, None, None)
    with pytest.raises(MemoryNotFound):
        await replica.fetch(owner, memory_id)


@pytest.mark.parametrize("seconds", [MIN_SLIDING_SECONDS, MAX_SLIDING_SECONDS])
async def test_an_expiry_slides_within_its_bounds(replica: Replica, user: str, seconds: int) -> None:
    """By a minute or a century, and then as far as the calendar goes."""
    owner = Owner(user)
    last = datetime(9999, 12, 31, tzinfo=UTC)
    memory_id = await stored(replica, owner, sliding_seconds=seconds)

    await touch(replica, owner, memory_id, moment=last)

    expected = last + timedelta(seconds=60) if seconds == MIN_SLIDING_SECONDS else datetime.max.replace(tzinfo=UTC)
    assert (await state_of(replica, owner, memory_id)).expires_at == expected


@pytest.mark.parametrize(
    "parts",
    [
        {"sliding_seconds": MIN_SLIDING_SECONDS - 1},
        {"sliding_seconds": MAX_SLIDING_SECONDS + 1},
        {"expires_at": None},
    ],
    ids=["short", "long", "without an end"],
)
async def test_an_impossible_sliding_is_refused(provider: MemoryProvider, user: str, parts: dict[str, Any]) -> None:
    """One of less than a minute, of more than a century, or of what never expires."""
    with pytest.raises(InvalidInput):
        await stored(provider, Owner(user), **parts)
    memory_id = await stored(provider, Owner(user))
    life: dict[str, Any] = {"expires_at": ENDS, "sliding_seconds": HOUR} | parts
    with pytest.raises(InvalidInput):
        await provider.change(Edit(owner=Owner(user), memory_id=memory_id, **life))


async def test_the_size_of_a_batch_of_touches_is_bounded(provider: MemoryProvider, user: str) -> None:
    """A thousand are taken, one more is refused, and so are none, or a moment without a zone."""
    owner = Owner(user)
    memory_id = await stored(provider, owner)

    await touch(provider, owner, *MAX_BATCH * [memory_id])

    for ids, moment in (((MAX_BATCH + 1) * [memory_id], LATER), ([], LATER), ([memory_id], datetime(2026, 3, 1))):  # noqa: DTZ001 - what is refused
        with pytest.raises(InvalidInput):
            await touch(provider, owner, *ids, moment=moment)
