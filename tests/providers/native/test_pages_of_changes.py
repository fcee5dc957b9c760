"""Very many memories come in pages: each memory once, and what changes in between is told by the next look."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from typing import Any

import pytest
from sqlalchemy import Row

from providers.changes import Changes
from providers.erasure.fences import Fence, hash_of, new_key
from providers.native.changes import STORE, changes_since
from providers.native.database import Database
from providers.native.embedded import EmbeddedServer
from providers.native.packing import Portions, whole_statement
from providers.native.provider import PostgresMemoryProvider
from providers.owners import Owner
from providers.postgres.bound_sql import BoundSql
from providers.search.user_index import UserIndex
from tests.support.native import HashingEmbedder, open_native_provider
from tests.support.packed import ids_in
from tests.support.postgres import create_database, drop_database

ANNA = Owner("anna")
EACH = 450 + 2 * 24  # bytes of an index for a memory with 24 dimensions


@pytest.fixture
async def provider(postgres_server: EmbeddedServer) -> AsyncIterator[PostgresMemoryProvider]:
    """A provider with vectors."""
    dsn = await create_database(postgres_server)
    async with open_native_provider(dsn, HashingEmbedder(24)) as provider:
        yield provider
    await drop_database(postgres_server, dsn)


async def remembered(provider: PostgresMemoryProvider, count: int) -> list[str]:
    """Remember so many memories, and return their ids in the order of pages."""
    return sorted([await provider.remember(ANNA.user, f"tea {number}") for number in range(count)])


async def told(provider: PostgresMemoryProvider, portions: Portions) -> Changes:
    """What a first look tells."""
    changes = await changes_since(provider._database, ANNA, None, portions=portions)  # noqa: SLF001 - with the real portions a test would need 100,000 memories
    assert changes is not None
    return changes


def pages_of(index: UserIndex) -> Iterator[tuple[str, ...]]:
    """The ids of each page in an index; within one they come as they lie on the disk."""
    for page in batched([index.columns.id_of(row) for row in range(len(index.columns))], 2):
        yield tuple(sorted(page))


def batched(ids: Sequence[str], most: int) -> Iterator[tuple[str, ...]]:
    """So many ids at a time."""
    for first in range(0, len(ids), most):
        yield tuple(ids[first : first + most])


async def nothing() -> None:
    """Let nothing happen."""


async def in_pages(
    provider: PostgresMemoryProvider, after_the_first: Callable[[], Awaitable[object]] = nothing
) -> tuple[Changes, UserIndex]:
    """Read two memories at a time into an index, while something happens after the first two."""
    changes = await told(provider, Portions(at_once=EACH, page=2 * EACH))
    assert changes.whole
    assert changes.packed is None
    assert changes.pages is not None
    index = UserIndex(changes.expected)
    async for page in changes.pages:
        index.extend(page)
        assert len(page.version) <= 2
        if len(index) == 2:
            await after_the_first()
    return changes, index


async def test_as_many_as_fit_come_at_once(provider: PostgresMemoryProvider) -> None:
    """One more, and all of them come in pages."""
    ids = await remembered(provider, 3)
    at_once = await told(provider, Portions(at_once=3 * EACH, page=EACH))
    paged = await told(provider, Portions(at_once=3 * EACH - 1, page=EACH))

    assert at_once.packed is not None
    assert at_once.pages is None
    assert sorted(ids_in(at_once.packed)) == ids
    assert paged.packed is None
    assert paged.pages is not None
    assert paged.expected == 3


async def test_what_does_not_fit_at_once_is_counted_and_not_packed(provider: PostgresMemoryProvider) -> None:
    """One statement counts and packs, and leaves the packing out where the memories are to come in pages."""
    await remembered(provider, 3)
    database = provider._database  # noqa: SLF001 - the statement by itself
    rows = [await database.bound_rows(whole_statement(STORE, ANNA, most)) for most in (3 * EACH, 3 * EACH - 1)]
    [[packed], [counted]] = rows

    assert (packed.memories, packed.each) == (counted.memories, counted.each) == (3, EACH)
    assert packed.epoch == counted.epoch
    assert len(packed.models) == 3
    assert counted.ids is counted.models is counted.embeddings is None


@pytest.mark.parametrize("count", [2, 3, 4, 7])
async def test_each_comes_once(provider: PostgresMemoryProvider, count: int) -> None:
    """With its words and its vector, whether or not the last page is full."""
    ids = await remembered(provider, count)
    _, index = await in_pages(provider)

    assert [*pages_of(index)] == [*batched(ids, 2)]
    assert [len(planes) for planes in index.planes.values()] == [count]
    assert [len(rows) for rows in index.holders([["tea"], ["1"]])] == [count, 1]


async def test_the_next_look_tells_what_changed_in_between(provider: PostgresMemoryProvider) -> None:
    """New memories; and edits and deletions of those that had come, and of those that were still to come."""
    ids = await remembered(provider, 6)

    async def change() -> None:
        for edited in (ids[0], ids[4]):
            await provider.update(ANNA.user, edited, content="coffee")
        for deleted in (ids[1], ids[5]):
            await provider.delete(ANNA.user, deleted)
        ids.append(await provider.remember(ANNA.user, "milk"))

    first, index = await in_pages(provider, change)
    changes = await provider.changes_since(ANNA, first.cursor)
    assert changes is not None
    for gone in changes.gone:
        index.remove(gone)
    for entry in changes.memories:
        index.put(entry)

    left = [one for one in ids if one not in (ids[1], ids[5])]
    snapshots = [await provider.snapshot(ANNA, one) for one in left]
    assert [index.version_of(one) for one in left] == [one and one.version for one in snapshots]
    assert len(index) == len(left)


async def test_pages_end_with_their_history(provider: PostgresMemoryProvider) -> None:
    """Nothing of another history is mixed in: an erasure ends them, and the next look tells all that there is anew.

    The page after the first was read before.
    """
    ids = await remembered(provider, 6)
    key, state = new_key(), await provider.snapshot(ANNA, ids[0])
    assert state is not None
    fence = Fence(key=key, hash=hash_of(key, ANNA.key), version=state.version, erased_at=0.0)

    async def erase() -> None:
        await provider.put_fences([fence])

    first, index = await in_pages(provider, erase)
    changes = await provider.changes_since(ANNA, first.cursor)

    assert {index.columns.id_of(row) for row in range(len(index))} <= set(ids[:4])
    assert changes is not None
    assert changes.packed is not None
    assert changes.cursor.epoch != first.cursor.epoch


class Halting(Database):
    """A database that answers so many statements of another one, and of those after them none."""

    def __init__(self, database: Database, answers: int) -> None:
        self._of, self._left = database, answers
        self.halted = 0  # statements that wait for ever

    async def ready(self) -> None:
        """Be ready."""

    distributed = False

    async def bound_rows(self, statement: BoundSql) -> Sequence[Row[Any]]:
        """See `PreparedDatabase`."""
        if not self._left:
            self.halted += 1
            try:
                await asyncio.Event().wait()
            finally:
                self.halted -= 1
        self._left -= 1
        return await self._of.bound_rows(statement)


async def test_pages_that_nobody_reads_on_leave_nothing_under_way(provider: PostgresMemoryProvider) -> None:
    """The second page, which was read ahead, is given up."""
    await remembered(provider, 8)
    database = Halting(provider._database, answers=4)  # noqa: SLF001 - how many there are, the source, the ends of pages, and the first page
    changes = await changes_since(database, ANNA, None, portions=Portions(at_once=EACH, page=2 * EACH))
    assert changes is not None
    assert changes.pages is not None
    async with aclosing(changes.pages) as pages:
        async for page in pages:
            assert len(page.version) == 1
            await asyncio.sleep(0)
            assert database.halted == 1
            break

    assert database.halted == 0


def test_few_memories_come_in_eight_pages() -> None:
    """So that some are read while others are built in; of more, as many as a page takes, and at least one."""
    portions = Portions(at_once=2_000, page=10_000)

    assert portions.of_pages(memories=30, each=100) == 10
    assert portions.of_pages(memories=400, each=100) == 50
    assert portions.of_pages(memories=80_000, each=100) == 100
    assert portions.of_pages(memories=3, each=100_000) == 1
