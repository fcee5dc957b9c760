"""What every provider promises of expiry: from that moment on readers see nothing of a memory, until it is erased."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from msgspec.structs import asdict

from providers.answers import Stored
from providers.base import MemoryProvider
from providers.errors import MemoryNotFound, Unsupported
from providers.expiry import BEGINNING
from providers.filters import Eq
from providers.owners import Owner
from providers.replica import Replica
from providers.search.answer_options import AnswerOptions
from providers.types import ALL, Conditions, Deletion, Edit, NewMemory, PageQuery, RecallQuery, Snapshot

MICROSECOND = timedelta(microseconds=1)
PAST = datetime(2024, 2, 29, 12, 0, 0, 1, tzinfo=UTC)
FUTURE = datetime(2999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)


@pytest.fixture
def replica(provider: MemoryProvider) -> Replica:
    """The provider, whose states can be read and put."""
    assert isinstance(provider, Replica)
    return provider


async def stored(provider: MemoryProvider, owner: Owner, *expiries: datetime | None) -> list[str]:
    """Store memories of one session that expire at these moments, and return their ids."""
    new = [
        NewMemory(owner=owner, content=f"tea {place}", expires_at=moment, session="one", metadata={"hot": True})
        for place, moment in enumerate(expiries)
    ]
    ids = [one.id for one in await provider.store_many(new) if isinstance(one, Stored)]
    assert len(ids) == len(new)
    return ids


async def seen(
    provider: MemoryProvider, owner: Owner, now: datetime | None = None, conditions: Conditions = ALL
) -> list[set[str]]:
    """Return what a list, read in both orders, and a recall show at a moment, and check the total of the list."""
    given = asdict(conditions) | {"now": now}
    pages = [
        await provider.page(PageQuery(owner=owner, order=order, total=True, **given)) for order in ("newest", "oldest")
    ]
    found = await provider.find(RecallQuery(owner=owner, query="tea", limit=10, **given))
    assert [page.total for page in pages] == [len(page.memories) for page in pages]
    return [{memory.id for memory in one.memories} for one in (*pages, found)]


async def test_what_has_expired_is_hidden_from_every_reader(provider: MemoryProvider, user: str) -> None:
    """Neither get, list, recall nor count shows what has expired; what will expire comes with its moment."""
    owner = Owner(user)
    gone, staying, lasting = await stored(provider, owner, PAST, FUTURE, None)

    assert await seen(provider, owner) == 3 * [{staying, lasting}]
    assert await seen(provider, owner, conditions=Conditions(session="one", where=Eq("hot", value=True))) == 3 * [
        {staying, lasting}
    ]
    with pytest.raises(MemoryNotFound):
        await provider.fetch(owner, gone)
    read = (await provider.fetch(owner, staying)).memory
    assert (read.expires_at, (await provider.get(user, lasting)).expires_at) == (FUTURE, None)
    assert read in (await provider.page(PageQuery(owner=owner))).memories
    assert [one.expires_at for one in await provider.recall(user, "tea 1", 1)] == [FUTURE]


async def test_what_has_expired_was_not_considered(provider: MemoryProvider, user: str) -> None:
    """A recall that explains itself counts it neither as there nor as filtered."""
    owner = Owner(user)
    await stored(provider, owner, PAST, FUTURE, None)

    found = await provider.find(RecallQuery(owner=owner, query="tea", options=AnswerOptions(explain=True)))

    if found.considered is None:
        pytest.skip("explains no recall")
    assert (found.considered.memories, found.considered.filtered) == (2, 0)


async def test_a_memory_expires_at_its_moment_and_not_before(provider: MemoryProvider, user: str) -> None:
    """The moment itself, given in any zone, is the first at which a memory is not seen."""
    owner = Owner(user)
    moment = FUTURE.astimezone(timezone(timedelta(hours=-3)))
    [memory_id] = await stored(provider, owner, moment)

    assert await seen(provider, owner, FUTURE - MICROSECOND) == 3 * [{memory_id}]
    assert await seen(provider, owner, FUTURE) == 3 * [set()]
    assert await seen(provider, owner, BEGINNING) == 3 * [{memory_id}]


async def test_an_expiry_is_set_moved_and_taken_away(provider: MemoryProvider, user: str) -> None:
    """An edit that names an expiry changes it, alone or with the text; any other edit leaves it."""
    owner = Owner(user)
    [memory_id] = await stored(provider, owner, None)
    changes: list[dict[str, Any]] = [{"expires_at": FUTURE}, {"content": "tea"}, {"agent": "a"}, {"expires_at": None}]

    answers = [
        (await provider.change(Edit(owner=owner, memory_id=memory_id, **change))).memory.expires_at
        for change in changes
    ]

    assert answers == [FUTURE, FUTURE, FUTURE, None]
    assert (await provider.fetch(owner, memory_id)).memory.agent == "a"
    assert await seen(provider, owner, FUTURE) == 3 * [{memory_id}]


async def test_what_has_expired_cannot_be_changed_but_deleted(provider: MemoryProvider, user: str) -> None:
    """A change finds nothing; a deletion, of one or of all, takes what has expired and is not erased yet as well."""
    owner = Owner(user)
    first, _ = await stored(provider, owner, PAST, PAST)

    with pytest.raises(MemoryNotFound):
        await provider.change(Edit(owner=owner, memory_id=first, expires_at=None))
    deleted = (await provider.erase(Deletion(owner=owner, memory_id=first))).count

    assert (deleted, (await provider.erase_all(owner)).count) == (1, 1)
    assert await seen(provider, owner, BEGINNING) == 3 * [set()]


async def test_whole_states_keep_their_expiry(replica: Replica, user: str) -> None:
    """A copy of a memory that has expired has all that the memory has, and its tombstone has no expiry."""
    owner = Owner(user)
    [memory_id] = await stored(replica, owner, PAST)

    state = await replica.snapshot(owner, memory_id)
    assert state is not None
    assert (state.content, state.expires_at) == ("tea 0", PAST)
    assert await replica.put_many([state]) == [None]
    assert await replica.snapshots(owner) == [state]
    await replica.erase(Deletion(owner=owner, memory_id=memory_id))
    buried = await replica.snapshot(owner, memory_id)
    assert buried is not None
    assert (buried.deleted, buried.expires_at) == (True, None)


async def test_a_deletion_of_one_version_spares_a_newer_one(replica: Replica, user: str) -> None:
    """A deletion that has seen a version deletes that version alone."""
    owner = Owner(user)
    [memory_id] = await stored(replica, owner, PAST)
    old = await replica.snapshot(owner, memory_id)
    assert old is not None
    conditional = Deletion(owner=owner, memory_id=memory_id, seen=old.version - 1)

    assert (await replica.erase(conditional)).count == 0
    assert await replica.snapshot(owner, memory_id) == old
    assert (await replica.erase(Deletion(owner=owner, memory_id=memory_id, seen=old.version))).count == 1


async def test_a_store_tells_its_moment_and_what_has_expired(replica: Replica, user: str) -> None:
    """The clock of a store goes on; what has expired comes page by page, each memory once, or nobody can tell."""
    owner = Owner(user)
    gone = await stored(replica, owner, PAST, PAST + MICROSECOND, PAST, FUTURE, None)
    told = await replica.moment()

    assert told is not None
    assert abs((datetime.now(UTC) - told).total_seconds()) < 600
    found: list[Snapshot] = []
    try:
        while page := await replica.expired(PAST + MICROSECOND, 2, after=found[-1] if found else None):
            found += page
    except Unsupported:
        assert not found
    else:
        assert sorted(one.id for one in found if one.owner == owner) == sorted(gone[:3])
