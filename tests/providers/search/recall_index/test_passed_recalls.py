"""Indexes that are loaded for one recall alone, or of what ranks alone: they are as right as any other."""

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import pytest
from msgspec.structs import replace

from providers.changes import ChangeCursor, Changes
from providers.owners import Owner
from providers.search.entries import Entry
from providers.search.recall_index.index import RecallIndex
from providers.search.user_index import UserIndex

OWNERS = [Owner(f"user{number}") for number in range(5)]
MOMENT = datetime(2026, 3, 1, tzinfo=UTC)
METADATA = b'{"of": "tea"}'
ROOM = 100_000_000


class Shelf:
    """A store of memories by owner, that notes who had none of its memories in an index, and with how much it came."""

    def __init__(self) -> None:
        self.ranked: list[Owner] = []  # with what ranks
        self.whole: list[Owner] = []
        self.turns = 1  # of the event loop, that a look takes
        self._held: dict[Owner, dict[str, Entry]] = {}
        self._number = 0

    def put(self, owner: Owner, number: int) -> None:
        """Store a memory, or another version of it."""
        self._number += 1
        one = str(UUID(int=number))
        entry = Entry(id=one, version=self._number, created_at=MOMENT, content="tea", metadata=METADATA, speaker="Ben")
        self._held.setdefault(owner, {})[one] = entry

    def versions(self, owner: Owner) -> dict[str, int]:
        """Return the versions of an owner's memories."""
        return {one: entry.version for one, entry in self._held.get(owner, {}).items()}

    async def changes_since(self, owner: Owner, cursor: ChangeCursor | None) -> Changes | None:
        """See `Replica`."""
        if cursor is None:
            self.whole.append(owner)
        return await self._changes_since(owner, cursor)

    async def _changes_since(self, owner: Owner, cursor: ChangeCursor | None) -> Changes:
        since = -1 if cursor is None else cursor.position
        entries = [entry for entry in self._held.get(owner, {}).values() if entry.version > since]
        number = self._number
        for _ in range(self.turns):
            await asyncio.sleep(0)
        position = ChangeCursor("first", number)
        return Changes(cursor=position, order=(number,), memories=entries, whole=cursor is None)


class ToRank:
    """The same store, as far as a ranking without conditions on contents looks."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    async def changes_since(self, owner: Owner, cursor: ChangeCursor | None) -> Changes | None:
        """See `Replica`."""
        if cursor is not None:
            return await self._shelf.changes_since(owner, cursor)
        self._shelf.ranked.append(owner)
        changes = await self._shelf._changes_since(owner, None)  # noqa: SLF001 - they are one store
        return replace(changes, memories=[replace(entry, metadata=b"", speaker=None) for entry in changes.memories])


async def recalled(index: RecallIndex, owner: Owner, *, by_contents: bool = False) -> dict[str, int] | None:
    """The versions of the memories that a recall ranks, each of which has its contents if these are asked for."""

    def versions(current: UserIndex, _prepared: None) -> dict[str, int]:
        columns = current.columns
        rows = [row for row in range(len(columns)) if columns.alive[row]]
        if by_contents:
            assert {current.metadata[row] for row in rows} <= {METADATA}
            [*of_ben] = current.traits.met(lambda traits: traits.speaker == "Ben")
            assert all(of_ben[columns.traits[row]] for row in rows)
        return {columns.id_of(row): int(columns.version[row]) for row in rows}

    async def prepared(_index: UserIndex) -> None:
        pass

    return await index.read(owner, None, versions, prepared, by_contents=by_contents)


async def with_room_for(count: int, shelf: Shelf, owners: Sequence[Owner], each: int = 20) -> RecallIndex:
    """An index with room for so many of these owners and half of another, each with so many memories."""
    for owner in owners:
        for number in range(each):
            shelf.put(owner, number)
    alone = RecallIndex(shelf, ROOM)
    await recalled(alone, owners[0])
    shelf.whole.clear()
    return RecallIndex(shelf, alone.counts.bytes * (2 * count + 1) // 2, ranked=ToRank(shelf))


async def test_what_would_not_be_kept_drives_nobody_out() -> None:
    """Each such recall sees what was written before it."""
    shelf = Shelf()
    index = await with_room_for(3, shelf, OWNERS)
    for number in range(4):
        for owner in OWNERS:
            shelf.put(owner, number)
            assert await recalled(index, owner) == shelf.versions(owner)

    assert shelf.ranked == [*OWNERS, *OWNERS[3:] * 3]
    assert shelf.whole == []
    assert index.counts.owners == 3
    assert {one: index.counts.events[one] for one in ("miss", "passed", "hit", "evicted")} == {
        "miss": 3 + 2 * 4,
        "passed": 2 * 4,
        "hit": 3 * 3,
        "evicted": 0,
    }


async def test_who_asks_more_often_is_kept() -> None:
    """From one recall more than those in its place on, an index is loaded, and stays."""
    shelf = Shelf()
    index = await with_room_for(1, shelf, OWNERS[:2])
    await recalled(index, OWNERS[0])
    await recalled(index, OWNERS[1])
    assert (shelf.ranked, index.counts.owners) == (OWNERS[:2], 1)

    for _ in range(3):
        await recalled(index, OWNERS[1])
    assert shelf.ranked == [*OWNERS[:2], OWNERS[1]]
    assert index.counts.events["evicted"] == 1


async def test_conditions_on_contents_load_the_whole_index_once() -> None:
    """It takes the place of the one that lacks what these look at, and serves all recalls."""
    shelf = Shelf()
    index = await with_room_for(2, shelf, OWNERS[:2])
    for by_contents in (False, True, True, False):
        shelf.put(OWNERS[0], 5)
        assert await recalled(index, OWNERS[0], by_contents=by_contents) == shelf.versions(OWNERS[0])

    assert (shelf.ranked, shelf.whole) == ([OWNERS[0]], [OWNERS[0]])
    assert index.counts.owners == 1
    assert {one: index.counts.events[one] for one in ("miss", "hit")} == {"miss": 2, "hit": 2}


async def test_conditions_on_contents_at_first_load_the_whole_index_alone() -> None:
    """Nothing is loaded twice."""
    shelf = Shelf()
    index = await with_room_for(2, shelf, OWNERS[:1])
    for by_contents in (True, False):
        assert await recalled(index, OWNERS[0], by_contents=by_contents) == shelf.versions(OWNERS[0])

    assert (shelf.ranked, shelf.whole) == ([], [OWNERS[0]])


async def test_bytes_are_those_of_the_index_that_is_held() -> None:
    """Of an index in whose place the whole one has come, none are counted any more; nor of one that was forgotten."""
    shelf = Shelf()
    index = await with_room_for(2, shelf, OWNERS[:1])
    await recalled(index, OWNERS[0], by_contents=False)
    await recalled(index, OWNERS[0], by_contents=True)
    alone = RecallIndex(shelf, ROOM)
    await recalled(alone, OWNERS[0], by_contents=True)

    assert index.counts.bytes == alone.counts.bytes
    index.forget()
    assert (index.counts.bytes, index.counts.owners) == (0, 0)


async def test_nobody_waits_for_the_whole_index_without_need() -> None:
    """While it loads, recalls without such conditions are served by what is there."""
    shelf = Shelf()
    index = await with_room_for(2, shelf, OWNERS[:1])
    await recalled(index, OWNERS[0])
    shelf.turns = 1_000
    whole = asyncio.create_task(recalled(index, OWNERS[0], by_contents=True))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert index.is_loading(OWNERS[0])
    shelf.turns = 1
    shelf.put(OWNERS[0], 3)
    assert await recalled(index, OWNERS[0]) == shelf.versions(OWNERS[0])
    assert not whole.done()
    assert await whole is not None
    assert not index.is_loading(OWNERS[0])
    assert await recalled(index, OWNERS[0], by_contents=True) == shelf.versions(OWNERS[0])
    assert (shelf.ranked, shelf.whole) == ([OWNERS[0]], [OWNERS[0]])


async def test_a_small_index_that_fits_beside_large_ones_is_kept() -> None:
    """Whatever the others take."""
    shelf, small = Shelf(), Owner("small")
    index = await with_room_for(1, shelf, OWNERS[:1], each=1_000)
    shelf.put(small, 1)
    await recalled(index, OWNERS[0])

    assert [await recalled(index, small) for _ in range(2)] == [shelf.versions(small)] * 2
    assert shelf.ranked == [OWNERS[0], small]
    assert (index.counts.events["passed"], index.counts.owners) == (0, 2)


@pytest.mark.parametrize("seed", range(10))
async def test_no_recall_is_stale(seed: int) -> None:
    """Recalls of several at once, beside writes: each has what preceded it, and the contents that it asked for."""
    shelf, chance = Shelf(), random.Random(seed)  # noqa: S311 - the same again for the same seed
    index = await with_room_for(2, shelf, OWNERS)
    behind: list[tuple[Owner, str]] = []

    async def recall(owner: Owner) -> None:
        before = shelf.versions(owner)
        seen = await recalled(index, owner, by_contents=chance.random() < 0.2)
        assert seen is not None
        behind.extend((owner, one) for one, version in before.items() if seen.get(one, 0) < version)

    recalls = []
    for _ in range(300):
        shelf.put(chance.choice(OWNERS), chance.randrange(30))
        shelf.turns = chance.randrange(1, 4)
        recalls.append(asyncio.create_task(recall(chance.choice(OWNERS))))
        if chance.random() < 0.5:
            await asyncio.sleep(0)
        if chance.random() < 0.1:
            await asyncio.gather(*recalls)
    await asyncio.gather(*recalls)

    assert behind == []
    assert shelf.ranked
    assert shelf.whole
    assert index.counts.events["hit"]
