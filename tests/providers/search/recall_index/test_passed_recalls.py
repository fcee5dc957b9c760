"""Recalls whose index would not be kept: they read once what they rank, and are as right as any other."""

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import pytest

from providers.changes import ChangeCursor, Changes
from providers.owners import Owner
from providers.search.entries import Entry
from providers.search.packed_memories import PackedMemories
from providers.search.recall_index.index import RecallIndex
from providers.search.user_index import UserIndex
from tests.support.packed import packed

OWNERS = [Owner(f"user{number}") for number in range(5)]
MOMENT = datetime(2026, 3, 1, tzinfo=UTC)
ROOM = 100_000_000


class Shelf:
    """A store of memories by owner, that notes how it was read; `most` is how many it gives at once for one recall."""

    def __init__(self, most: int = 1_000) -> None:
        self.most = most
        self.looks: list[Owner] = []
        self.once: list[Owner] = []
        self._held: dict[Owner, dict[str, Entry]] = {}
        self._number = 0

    def put(self, owner: Owner, number: int) -> None:
        """Store a memory, or another version of it."""
        self._number += 1
        one = str(UUID(int=number))
        self._held.setdefault(owner, {})[one] = Entry(id=one, version=self._number, created_at=MOMENT, content="tea")

    def versions(self, owner: Owner) -> dict[str, int]:
        """Return the versions of an owner's memories."""
        return {one: entry.version for one, entry in self._held.get(owner, {}).items()}

    async def changes_since(self, owner: Owner, cursor: ChangeCursor | None) -> Changes | None:
        """See `Replica`."""
        self.looks.append(owner)
        await asyncio.sleep(0)
        since = -1 if cursor is None else cursor.position
        entries = [entry for entry in self._held.get(owner, {}).values() if entry.version > since]
        position = ChangeCursor("first", self._number)
        return Changes(cursor=position, order=(self._number,), memories=entries, whole=cursor is None)

    async def read_once(self, owner: Owner) -> PackedMemories | None:
        """See `RecallIndex`."""
        self.once.append(owner)
        await asyncio.sleep(0)
        entries = [*self._held.get(owner, {}).values()]
        return packed(entries) if len(entries) <= self.most else None


async def recalled(index: RecallIndex, owner: Owner, *, by_contents: bool = False) -> dict[str, int] | None:
    """The versions of the memories that a recall ranks."""

    def versions(current: UserIndex, _prepared: None) -> dict[str, int]:
        columns = current.columns
        return {columns.id_of(row): int(columns.version[row]) for row in range(len(columns)) if columns.alive[row]}

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
    shelf.looks.clear()
    return RecallIndex(shelf, alone.counts.bytes * (2 * count + 1) // 2, read_once=shelf.read_once)


async def test_what_would_not_be_kept_is_read_once() -> None:
    """Each such recall sees what was written before it, and drives nobody out."""
    shelf = Shelf()
    index = await with_room_for(3, shelf, OWNERS)
    for number in range(4):
        for owner in OWNERS:
            shelf.put(owner, number)
            assert await recalled(index, owner) == shelf.versions(owner)

    assert shelf.once == OWNERS[3:] * 4
    assert shelf.looks == OWNERS[:3] * 4
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
    assert (shelf.once, shelf.looks) == ([OWNERS[1]], [OWNERS[0]])

    await recalled(index, OWNERS[1])
    await recalled(index, OWNERS[1])
    assert (shelf.once, shelf.looks) == ([OWNERS[1]], [OWNERS[0], OWNERS[1], OWNERS[1]])


async def test_conditions_on_contents_load_the_whole_index() -> None:
    """What is read once lacks what these look at."""
    shelf = Shelf()
    index = await with_room_for(1, shelf, OWNERS[:2])
    await recalled(index, OWNERS[0])

    assert await recalled(index, OWNERS[1], by_contents=True) == shelf.versions(OWNERS[1])
    assert (shelf.once, shelf.looks) == ([], OWNERS[:2])
    assert index.counts.events["passed"] == 1


@pytest.mark.parametrize(("most", "looks"), [(20, []), (19, [OWNERS[1]])])
async def test_too_many_memories_load_the_whole_index(most: int, looks: list[Owner]) -> None:
    """So that pages are read where these are needed."""
    shelf = Shelf(most)
    index = await with_room_for(1, shelf, OWNERS[:2])
    await recalled(index, OWNERS[0])
    shelf.looks.clear()

    assert await recalled(index, OWNERS[1]) == shelf.versions(OWNERS[1])
    assert (shelf.once, shelf.looks) == ([OWNERS[1]], looks)


async def test_a_small_index_that_fits_beside_large_ones_is_kept() -> None:
    """It is taken for as large as they are until it was read."""
    shelf, small = Shelf(), Owner("small")
    index = await with_room_for(1, shelf, OWNERS[:1], each=1_000)
    shelf.put(small, 1)
    await recalled(index, OWNERS[0])
    shelf.looks.clear()

    assert [await recalled(index, small) for _ in range(2)] == [shelf.versions(small)] * 2
    assert (shelf.once, shelf.looks) == ([small], [small, small])
    assert (index.counts.events["passed"], index.counts.owners) == (0, 2)


@pytest.mark.parametrize("seed", range(5))
async def test_no_such_recall_is_stale(seed: int) -> None:
    """Recalls of several at once, beside writes: each has what preceded it."""
    shelf, chance = Shelf(), random.Random(seed)  # noqa: S311 - the same again for the same seed
    index = await with_room_for(2, shelf, OWNERS)
    behind: list[tuple[Owner, str]] = []

    async def recall(owner: Owner) -> None:
        before = shelf.versions(owner)
        seen = await recalled(index, owner, by_contents=chance.random() < 0.2)
        assert seen is not None
        behind.extend((owner, one) for one, version in before.items() if seen.get(one, 0) < version)

    recalls = []
    for _ in range(150):
        shelf.put(chance.choice(OWNERS), chance.randrange(30))
        recalls.append(asyncio.create_task(recall(chance.choice(OWNERS))))
        if chance.random() < 0.5:
            await asyncio.sleep(0)
        if chance.random() < 0.1:
            await asyncio.gather(*recalls)
    await asyncio.gather(*recalls)

    assert behind == []
    assert shelf.once
    assert index.counts.events["hit"]
