"""What ranks of a user's memories is loaded first, and the whole of them when a recall has conditions on contents."""

import pytest
from msgspec.structs import replace

from providers.changes import Changes
from providers.erasure.fences import Fence, hash_of, new_key
from providers.filters import Eq
from providers.native.changes import DatabaseChanges, changes_since
from providers.native.database import Database
from providers.native.embedded import EmbeddedServer
from providers.native.packing import PORTIONS, Portions
from providers.native.provider import PostgresMemoryProvider
from providers.owners import Owner
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
        NewMemory(owner=owner, content=content, session=session, speaker=speaker, metadata={"place": number})
        for number, (content, session, speaker) in enumerate(TALK)
    ]
    return [stored.id for stored in await provider.store_many(memories) if not isinstance(stored, Exception)]


def database_of(provider: PostgresMemoryProvider) -> Database:
    """The database of a provider."""
    return provider._database  # noqa: SLF001 - what an index asks, without the index


def indexed(provider: PostgresMemoryProvider, *, bare: bool) -> RecallIndex:
    """Give a provider another index, which loads at first what ranks, or all at once."""
    database = database_of(provider)
    ranked = DatabaseChanges(database, ROOM, by_contents=False) if bare else None
    index = RecallIndex(DatabaseChanges(database, ROOM), ROOM, ranked=ranked)
    assert provider._ranked is not None  # noqa: SLF001 - the index of a service is of one form
    provider._ranked.index = index  # noqa: SLF001 - as above
    return index


async def ranked(provider: PostgresMemoryProvider, owner: Owner, portions: Portions = PORTIONS) -> UserIndex:
    """An index of what ranks of an owner's memories."""
    changes = await changes_since(database_of(provider), owner, None, portions=portions, by_contents=False)
    assert changes is not None
    return await built(changes)


async def built(changes: Changes) -> UserIndex:
    """An index of all memories that were told."""
    index = UserIndex(changes.expected)
    if changes.packed is not None:
        index.extend(changes.packed)
    if changes.pages is not None:
        async for page in changes.pages:
            index.extend(page)
    return index


def ids_in(index: UserIndex) -> list[str]:
    """The ids of an index in order."""
    return sorted(index.columns.id_of(row) for row in range(len(index.columns)))


async def test_answers_are_those_of_a_whole_index(database: str) -> None:
    """The same memories, scores and order: with words, vectors, sessions and speakers, explained and diverse."""
    async with open_native_provider(database, HashingEmbedder()) as provider:
        await store(provider, BEN)
        queries = [
            RecallQuery(owner=BEN, query=text) for text in ("masala tea", "what did Ben like", "sugar", "with two")
        ]
        plain = queries[0].options
        queries += [replace(queries[1], options=replace(plain, explain=True)), replace(queries[0], limit=2)]
        queries += [replace(queries[0], options=replace(plain, diversity=0.5))]
        indexed(provider, bare=False)
        of_whole = [await provider.find(query) for query in queries]
        index = indexed(provider, bare=True)
        of_bare = [await provider.find(query) for query in queries]
        held = await index.current(BEN, by_contents=False)
        assert held is not None
        assert {held.metadata[row] for row in range(len(TALK))} == {b""}

    assert of_bare == of_whole
    assert all(found.memories for found in of_bare)


async def test_a_condition_on_contents_is_met_after_a_recall_without(database: str) -> None:
    """What was changed between both counts, too."""
    async with open_native_provider(database) as provider:
        ids = await store(provider, ANNA)
        index = indexed(provider, bare=True)
        plain = RecallQuery(owner=ANNA, query="masala tea")
        conditions = [
            replace(plain, where=Eq("place", 2)),
            replace(plain, speaker="Clara"),
            replace(plain, session="b"),
        ]
        found = [[memory.id for memory in (await provider.find(query)).memories] for query in (plain, *conditions)]
        await provider.change(Edit(owner=ANNA, memory_id=ids[2], metadata={"place": 7}))
        moved = [(await provider.find(replace(plain, where=Eq("place", place)))).memories for place in (2, 7)]
        again = (await provider.find(plain)).memories

    assert set(found[0]) >= {ids[0], ids[2]}
    assert found[1:] == [[ids[2]]] * 3
    assert [[memory.id for memory in memories] for memories in moved] == [[], [ids[2]]]
    assert {memory.id for memory in again} == set(found[0])
    assert index.counts.events["miss"] == 2


@pytest.mark.parametrize("portions", [PORTIONS, Portions(at_once=1, page=1_000)], ids=["at once", "in pages"])
async def test_it_sees_what_was_written_before(database: str, portions: Portions) -> None:
    """New memories, edits, deletions, and the erasure of all."""
    async with open_native_provider(database) as provider:
        ids = await store(provider, ANNA)
        assert ids_in(await ranked(provider, ANNA, portions)) == sorted(ids)
        await provider.erase(Deletion(owner=ANNA, memory_id=ids[0]))
        await provider.change(Edit(owner=ANNA, memory_id=ids[1], content="black coffee"))
        assert ids_in(await ranked(provider, ANNA, portions)) == sorted(ids[1:])
        state = await provider.snapshot(ANNA, ids[1])
        assert state is not None
        key = new_key()
        await provider.put_fences([Fence(key=key, hash=hash_of(key, ANNA.key), version=state.version, erased_at=0.0)])
        assert ids_in(await ranked(provider, ANNA, portions)) == []


async def test_two_tenants_never_meet_behind_the_wall(postgres_server: EmbeddedServer) -> None:
    """A user id that two tenants share is two owners'."""
    other = Owner("anna", "acme")
    async with (
        walled_database(postgres_server) as dsn,
        open_native_provider(dsn, migrate=False) as provider,
    ):
        here, there = [await store(provider, owner) for owner in (ANNA, other)]

        assert ids_in(await ranked(provider, ANNA)) == sorted(here)
        assert ids_in(await ranked(provider, other)) == sorted(there)
