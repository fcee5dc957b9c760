"""What one recall reads where its index is not kept: it ranks as an index does, and is never behind."""

from collections.abc import Awaitable, Callable
from functools import partial

import pytest
from msgspec.structs import replace

from providers.erasure.fences import Fence, hash_of, new_key
from providers.native.changes import DatabaseChanges
from providers.native.database import Database
from providers.native.embedded import EmbeddedServer
from providers.native.provider import PostgresMemoryProvider
from providers.native.reading_once import read_once
from providers.owners import Owner
from providers.search.packed_memories import PackedMemories
from providers.search.recall_index.index import RecallIndex
from providers.search.user_index import UserIndex
from providers.types import Deletion, Edit, NewMemory, RecallQuery
from tests.support.native import HashingEmbedder, open_native_provider
from tests.support.walled import walled_database

ANNA, BEN = Owner("anna"), Owner("ben")
ROOM = 100_000_000
TALK = [
    ("masala tea in the morning", "a", "Ben"),
    ("with two spoons of sugar", "a", None),
    ("masala tea and coffee", "b", "Clara"),
    ("no milk please", None, None),
    ("a bicycle for two", None, "Ben"),
]


async def store(provider: PostgresMemoryProvider, owner: Owner) -> list[str]:
    """Store a talk and return the ids of its memories."""
    memories = [
        NewMemory(owner=owner, content=content, session=session, speaker=speaker, metadata={"of": "tea"})
        for content, session, speaker in TALK
    ]
    return [stored.id for stored in await provider.store_many(memories) if not isinstance(stored, Exception)]


def database_of(provider: PostgresMemoryProvider) -> Database:
    """The database of a provider."""
    return provider._database  # noqa: SLF001 - nothing else reads once


def without_room(provider: PostgresMemoryProvider, most_bytes: int) -> RecallIndex:
    """Give a provider another index, of so many bytes."""
    database = database_of(provider)
    index = RecallIndex(DatabaseChanges(database, ROOM), most_bytes, read_once=partial(read_once, database))
    assert provider._ranked is not None  # noqa: SLF001 - the index of a service has room for more than a test stores
    provider._ranked.index = index  # noqa: SLF001 - as above
    return index


async def test_answers_are_those_of_an_index(database: str) -> None:
    """The same memories, scores and order: with words, vectors, sessions and speakers, explained and diverse."""
    async with open_native_provider(database, HashingEmbedder()) as provider:
        for owner in (ANNA, BEN):
            await store(provider, owner)
        queries = [
            RecallQuery(owner=BEN, query=text) for text in ("masala tea", "what did Ben like", "sugar", "with two")
        ]
        plain = queries[0].options
        queries += [replace(queries[1], options=replace(plain, explain=True)), replace(queries[0], limit=2)]
        kept = [await provider.find(query) for query in queries]
        alone = without_room(provider, ROOM)
        await alone.current(ANNA)
        index = without_room(provider, alone.counts.bytes + alone.counts.bytes // 2)
        for _ in range(len(queries)):  # as often as the other will
            await provider.find(RecallQuery(owner=ANNA, query="tea"))
        once = [await provider.find(query) for query in queries]

    assert once == kept
    assert index.counts.events["passed"] == len(queries)
    assert all(found.memories for found in once)


async def test_it_sees_what_was_written_before(database: str) -> None:
    """New memories, edits, deletions, and the erasure of all."""
    async with open_native_provider(database) as provider:
        ids = await store(provider, ANNA)
        reading = partial(read_once, database_of(provider))
        assert await _contained(reading, ANNA) == sorted(ids)
        await provider.erase(Deletion(owner=ANNA, memory_id=ids[0]))
        await provider.change(Edit(owner=ANNA, memory_id=ids[1], content="black coffee"))
        assert await _contained(reading, ANNA) == sorted(ids[1:])
        state = await provider.snapshot(ANNA, ids[1])
        assert state is not None
        key = new_key()
        await provider.put_fences([Fence(key=key, hash=hash_of(key, ANNA.key), version=state.version, erased_at=0.0)])
        assert await _contained(reading, ANNA) == []


@pytest.mark.parametrize(("most", "is_read"), [(len(TALK), True), (len(TALK) - 1, False)])
async def test_no_more_than_so_many_are_read(database: str, most: int, *, is_read: bool) -> None:
    """Others are loaded, in pages where they are very many."""
    async with open_native_provider(database) as provider:
        await store(provider, ANNA)
        memories = await read_once(database_of(provider), ANNA, most)

    assert (memories is not None) == is_read


async def test_two_tenants_never_meet_behind_the_wall(postgres_server: EmbeddedServer) -> None:
    """A user id that two tenants share is two owners'."""
    other = Owner("anna", "acme")
    async with (
        walled_database(postgres_server) as dsn,
        open_native_provider(dsn, migrate=False) as provider,
    ):
        here, there = [await store(provider, owner) for owner in (ANNA, other)]
        reading = partial(read_once, database_of(provider))

        assert await _contained(reading, ANNA) == sorted(here)
        assert await _contained(reading, other) == sorted(there)


async def _contained(reading: Callable[[Owner], Awaitable[PackedMemories | None]], owner: Owner) -> list[str]:
    memories = await reading(owner)
    assert memories is not None
    index = UserIndex.of(memories)
    return sorted(index.columns.id_of(row) for row in range(len(index.columns)))
