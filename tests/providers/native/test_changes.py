"""What changed of a user's memories in the database: nothing is missed, whoever wrote it and in whatever order."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import numpy as np
import pytest
from msgspec.structs import replace

from providers.changes import ChangeCursor, Changes
from providers.erasure.fences import Fence, hash_of, new_key
from providers.native.changes import changes_since
from providers.native.embedded import EmbeddedServer
from providers.native.provider import PostgresMemoryProvider
from providers.owners import Owner
from providers.search.moments import microseconds
from providers.search.stored_analysis import analyses_of, fingerprint
from providers.types import NewMemory
from tests.support.native import FickleEmbedder, HashingEmbedder, open_native_provider
from tests.support.packed import ids_in
from tests.support.postgres import connected, create_database, drop_database

ANNA = Owner("anna")
THREE = 3 * (450 + 2 * 24)  # bytes of an index of as many memories with 24 dimensions


@pytest.fixture
async def database(postgres_server: EmbeddedServer) -> AsyncIterator[str]:
    """A database with the schema and nothing else."""
    dsn = await create_database(postgres_server)
    yield dsn
    await drop_database(postgres_server, dsn)


@pytest.fixture
async def provider(database: str) -> AsyncIterator[PostgresMemoryProvider]:
    """A provider with vectors."""
    async with open_native_provider(database, HashingEmbedder(24)) as provider:
        yield provider


async def looked(provider: PostgresMemoryProvider, cursor: ChangeCursor | None) -> Changes:
    """What changed since."""
    changes = await provider.changes_since(ANNA, cursor)
    assert changes is not None
    return changes


def ids_of(changes: Changes) -> list[str]:
    """The memories that a look told, in no order where it told all."""
    return [entry.id for entry in changes.memories] if changes.packed is None else ids_in(changes.packed)


async def test_the_whole_is_what_is_stored(provider: PostgresMemoryProvider) -> None:
    """Every memory with its vector, in any script; and nobody else's."""
    contents = ["masala tea", "t", "நினைவுகள் அழகானவை", "我喝绿茶 \U0001f375", "x" * 5_000]
    ids = [await provider.remember("anna", content) for content in contents]
    await provider.remember("ben", "green tea")
    await provider.delete("anna", ids.pop())
    changes = await looked(provider, None)

    assert changes.packed is not None
    assert set(ids_of(changes)) == set(ids)
    place = ids_of(changes).index(ids[0])
    snapshot = await provider.snapshot(ANNA, ids[0])
    assert snapshot is not None
    assert changes.packed.version[place] == snapshot.version
    assert snapshot.created_at is not None
    assert changes.packed.created[place] == microseconds(snapshot.created_at)
    found = analyses_of(changes.packed.analyses, changes.packed.lengths)
    assert set(found.contents.tolist()) == {fingerprint(content) for content in contents[:4]}
    [packed] = changes.packed.vectors
    assert set(packed.places.tolist()) == set(range(4))
    [vector] = await HashingEmbedder(24).embed(["masala tea"])
    np.testing.assert_allclose(packed.vectors[packed.places.tolist().index(place)], vector, atol=1e-3)


async def test_an_empty_user_has_nothing(provider: PostgresMemoryProvider) -> None:
    """And the first memory is a change."""
    before = await looked(provider, None)
    memory_id = await provider.remember("anna", "tea")
    changes = await looked(provider, before.cursor)

    assert before.packed is not None
    assert ids_of(before) == []
    assert changes.packed is None
    assert ids_of(changes) == [memory_id]


async def test_more_than_fit_into_an_index_are_unknown(provider: PostgresMemoryProvider) -> None:
    """As many as that are told; of those that are known already, changes are told however many there are."""
    for number in range(3):
        await provider.remember("anna", f"tea {number}")
    whole = await changes_since(provider._database, ANNA, None, most_bytes=THREE)  # noqa: SLF001 - hundreds of MB are too many for a test
    assert whole is not None
    await provider.remember("anna", "tea 3")

    assert len(ids_of(whole)) == 3
    assert await changes_since(provider._database, ANNA, None, most_bytes=THREE) is None  # noqa: SLF001 - as above
    assert await changes_since(provider._database, ANNA, whole.cursor, most_bytes=THREE) is not None  # noqa: SLF001 - as above


async def test_every_kind_of_change_is_told(provider: PostgresMemoryProvider, database: str) -> None:
    """Edits of the text and of the metadata, deletions, states put by a chain, and an operator's own statements."""
    edited, described, deleted, put, touched = [await provider.remember("anna", f"tea {n}") for n in range(5)]
    state = await provider.snapshot(ANNA, put)
    assert state is not None
    cursor = (await looked(provider, None)).cursor

    async def told() -> set[str]:
        nonlocal cursor
        changes = await looked(provider, cursor)
        cursor = changes.cursor
        return {entry.id for entry in changes.memories} | set(changes.gone)

    await provider.update("anna", edited, content="coffee")
    assert edited in await told()
    await provider.update("anna", described, metadata={"hot": True})
    assert described in await told()
    await provider.delete("anna", deleted)
    assert deleted in await told()
    await provider.put_many([replace(state, version=state.version + 1, content="milk")])
    assert put in await told()
    async with connected(database) as connection:
        await connection.execute("UPDATE ninai_memories SET metadata = '{}' WHERE id = $1", touched)
    assert touched in await told()


async def test_a_late_vector_is_a_change(database: str) -> None:
    """A memory is found by it, although its version is the same."""
    embedder = FickleEmbedder()
    embedder.down = True
    async with open_native_provider(database, embedder) as provider:
        memory_id = await provider.remember("anna", "tea")
        before = await looked(provider, None)
        assert before.packed is not None
        assert list(before.packed.vectors) == []
        embedder.down = False
        cursor = before.cursor
        async with asyncio.timeout(30):
            while True:
                changes = await looked(provider, cursor)
                if any(entry.id == memory_id and entry.vectors for entry in changes.memories):
                    break
                await asyncio.sleep(0.1)


async def test_what_commits_late_is_not_missed(provider: PostgresMemoryProvider, database: str) -> None:
    """A transaction that began first and commits last is told, although a look came in between."""
    slow = str(uuid4())
    async with connected(database) as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(
            "INSERT INTO ninai_memories (user_id, id, version, content, digest, created_at, terms)"
            " VALUES ('anna', $1, 1, 'slow tea', '', now(), ninai_terms('slow tea'))",
            slow,
        )
        quick = await provider.remember("anna", "quick tea")
        between = await looked(provider, None)
        await transaction.commit()
    after = await looked(provider, between.cursor)

    assert ids_of(between) == [quick]
    assert slow in ids_of(after)
    assert after.order > between.order
    hits = await provider.recall("anna", "slow")
    assert [hit.id for hit in hits] == [slow]


async def test_what_is_rolled_back_is_never_told(provider: PostgresMemoryProvider, database: str) -> None:
    """Not during, and not after."""
    memory_id = await provider.remember("anna", "tea")
    cursor = (await looked(provider, None)).cursor
    async with connected(database) as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("UPDATE ninai_memories SET version = version + 1 WHERE id = $1", memory_id)
        during = await looked(provider, cursor)
        await transaction.rollback()
    after = await looked(provider, during.cursor)

    versions = {entry.version for entry in (*during.memories, *after.memories)}
    snapshot = await provider.snapshot(ANNA, memory_id)
    assert snapshot is not None
    assert versions <= {snapshot.version}


async def test_another_epoch_gets_everything(provider: PostgresMemoryProvider) -> None:
    """Also one whose position is ahead of the store's, which cannot be of its history."""
    memory_id = await provider.remember("anna", "tea")
    cursor = (await looked(provider, None)).cursor

    for other in (ChangeCursor("another", cursor.position), ChangeCursor(cursor.epoch, cursor.position + 1_000_000)):
        changes = await looked(provider, other)
        assert changes.packed is not None
        assert ids_of(changes) == [memory_id]


async def test_what_is_erased_and_still_to_be_removed_is_not_told(provider: PostgresMemoryProvider) -> None:
    """Otherwise nothing would tell afterwards that it is gone: removed rows leave no trace."""
    key, memory_id = new_key(), await provider.remember("anna", "tea")
    before = await looked(provider, None)
    state = await provider.snapshot(ANNA, memory_id)
    assert state is not None
    await provider.put_fences([Fence(key=key, hash=hash_of(key, ANNA.key), version=state.version, erased_at=0.0)])
    after = await looked(provider, before.cursor)
    later = await provider.remember("anna", "milk")

    assert (ids_of(before), ids_of(after)) == ([memory_id], [])
    assert after.cursor.epoch != before.cursor.epoch
    assert ids_of(await looked(provider, after.cursor)) == [later]


@pytest.mark.thorough
async def test_recalls_beside_writers_are_never_stale(database: str) -> None:
    """Two providers write and recall one user's memories at once: each finds what was acknowledged before.

    Not in the first place: a recall while the index loads is ordered otherwise.
    """
    async with (
        open_native_provider(database, HashingEmbedder(24)) as one,
        open_native_provider(database, HashingEmbedder(24)) as other,
    ):

        async def rounds(writer: PostgresMemoryProvider, reader: PostgresMemoryProvider, name: str) -> None:
            for number in range(25):
                word = f"{name}{number}word"
                memory_id = await writer.remember("anna", f"a text about {word}")
                assert memory_id in {hit.id for hit in await reader.recall("anna", word, 100)}
                await writer.update("anna", memory_id, content=f"a text about {word}x")
                found = {hit.id: hit.content for hit in await reader.recall("anna", f"{word}x", 100)}
                assert found[memory_id].endswith(f"{word}x")
                await writer.delete("anna", memory_id)
                assert memory_id not in {hit.id for hit in await reader.recall("anna", f"{word}x", 100)}
            await writer.store_many([NewMemory(owner=ANNA, content=f"{name} {number}") for number in range(20)])

        await asyncio.gather(
            rounds(one, other, "north"),
            rounds(other, one, "south"),
            rounds(one, one, "west"),
            rounds(other, other, "e"),
        )
        assert {hit.id for hit in await one.recall("anna", "north south", 100)} == {
            hit.id for hit in await other.recall("anna", "north south", 100)
        }
