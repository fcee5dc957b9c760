"""The native provider as a replica, where the contract of all providers does not reach."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from providers.errors import Misconfigured
from providers.native import replication_sql
from providers.native import schema as schema_module
from providers.native.embedded import EmbeddedServer
from providers.native.engine import open_engine
from providers.native.schema import Schema
from providers.owners import Owner
from providers.postgres.sampling import unsampled
from providers.source import WriteSource
from providers.states.digests import digest_of
from tests.support.native import FickleEmbedder, host_for, open_native_provider, waiting_of
from tests.support.postgres import connected, create_database, drop_database
from tests.support.states import live, tombstone

SAMPLES = "SELECT count(*) FROM pg_stats WHERE histogram_bounds::text LIKE '%tea 1%'"
ALL_SAMPLES = """
    SELECT tablename, attname, most_common_vals::text, most_common_elems::text, histogram_bounds::text
    FROM pg_stats WHERE tablename ~ '^ninai'
"""
MIGRATIONS = Path(schema_module.__file__).parent / "migrations"


async def count(dsn: str, condition: str) -> int:
    """How many rows fulfil a condition."""
    async with connected(dsn) as connection:
        return int(await connection.fetchval(f"SELECT count(*) FROM ninai_memories WHERE {condition}"))  # noqa: S608 - literals of this file


async def becomes(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something holds; the background task counts anew every 15 seconds."""
    deadline = time.monotonic() + 20
    while not await condition():
        assert time.monotonic() < deadline, "it never came true"
        await asyncio.sleep(0.02)


def nodes_of(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """A plan and all below it."""
    return [plan, *(node for child in plan.get("Plans", []) for node in nodes_of(child))]


async def test_states_get_vectors_in_one_call(database: str) -> None:
    """All contents of a batch are embedded at once, each memory of it once, tombstones not at all."""
    embedder = FickleEmbedder()
    states = [live("anna", f"tea {number}") for number in range(20)]
    async with open_native_provider(database, embedder) as provider:
        await provider.put_many([*states, *states, tombstone(states[0], 5)])

        assert embedder.asked == 1
        assert await count(database, "embedding IS NOT NULL") == 19


async def test_what_is_not_newer_is_not_embedded(database: str) -> None:
    """States that change nothing cost no vector, and neither does a memory that was deleted here."""
    embedder = FickleEmbedder()
    states = [live("anna", f"tea {number}") for number in range(3)]
    bare = live("anna")
    async with open_native_provider(database, embedder) as provider:
        await provider.put_many([*states, tombstone(bare, 5, found=False)])
        await provider.put_many([*states, replace(states[0], version=1, content="old"), bare])

        assert embedder.asked == 1


async def test_states_are_put_while_the_embedder_is_down(database: str) -> None:
    """Without an embedder states are put and found by their words, counted as waiting, and embedded later."""
    embedder, host = FickleEmbedder(), host_for()
    embedder.down = True
    states = [live("anna", f"tea {number}") for number in range(3)]
    async with open_native_provider(database, embedder, host=host) as provider:
        await provider.put_many([*states, tombstone(states[0], 5)])
        assert len(await provider.recall("anna", "tea")) == 2
        assert await count(database, "embedding IS NOT NULL") == 0

        async def counted() -> bool:
            return waiting_of(host) == 2

        await becomes(counted)
        embedder.down = False

        async def embedded() -> bool:
            return await count(database, "embedding IS NOT NULL") == 2

        await becomes(embedded)


async def test_a_newer_state_takes_the_vector_of_the_older_away(database: str) -> None:
    """A memory is not found by a vector of what it was before."""
    embedder = FickleEmbedder()
    state = live("anna", "automobile")
    async with open_native_provider(database, embedder) as provider:
        await provider.put_many([state])
        embedder.down = True
        await provider.put_many([replace(state, version=state.version + 1, content="tea")])

        assert await count(database, "embedding IS NOT NULL") == 0


@pytest.mark.parametrize("versions", [(5, 9), (9, 5)])
async def test_a_tombstone_leaves_nothing_behind(database: str, versions: tuple[int, int]) -> None:
    """Of a memory that met a tombstone, before or after, the row keeps no content, vector, words or digest."""
    state = live("anna", "masala tea", versions[0], metadata={"a": 1})
    async with open_native_provider(database, FickleEmbedder()) as provider:
        await provider.put_many([state])
        await provider.put_many([tombstone(state, versions[1], found=False)])
        await provider.put_many([replace(state, version=100)])

        assert await count(database, "deleted_at IS NOT NULL AND created_at IS NOT NULL") == 1
        left = "coalesce(content, metadata::text, digest::text, embedding::text, terms::text, embedding_model)"
        assert await count(database, f"{left} IS NOT NULL") == 0


async def test_two_providers_on_one_database_have_one_identity(database: str) -> None:
    """The identity is the database's, for everybody who opens it and after a restart."""
    async with open_native_provider(database) as one, open_native_provider(database) as other:
        identity = await one.identity()
        assert await other.identity() == identity
    async with open_native_provider(database) as again:
        assert await again.identity() == identity
    assert identity.startswith("postgresql:")


async def test_a_database_made_anew_is_another_store(postgres_server: EmbeddedServer) -> None:
    """Each database that is migrated gets a name of its own."""
    identities = set()
    for _ in range(2):
        dsn = await create_database(postgres_server, "template1")
        async with open_native_provider(dsn) as provider:
            identities.add(await provider.identity())
        await drop_database(postgres_server, dsn)

    assert len(identities) == 2


async def test_a_database_without_its_name_is_told(database: str) -> None:
    """Where the row with the name is gone, an operator must say what store this is."""
    async with open_native_provider(database) as provider:
        async with connected(database) as connection:
            await connection.execute("DELETE FROM ninai_store")
        with pytest.raises(Misconfigured, match="ninai_store"):
            await provider.identity()


async def test_a_database_of_the_first_version_gets_a_name(postgres_server: EmbeddedServer, tmp_path: Path) -> None:
    """Memories stored before databases had names stay, and the upgrade names their store."""
    (tmp_path / "versions").mkdir()
    for file in ("env.py", "versions/0001_memories.py"):
        (tmp_path / file).write_text((MIGRATIONS / file).read_text())
    dsn = await create_database(postgres_server, "template1")
    async with open_engine(dsn, pool_size=10) as engine:
        assert (await Schema(engine, tmp_path).upgrade()).current == "0001"
    async with connected(dsn) as connection:
        await connection.execute(
            "INSERT INTO ninai_memories (user_id, id, version, created_at, content, digest, terms)"
            " VALUES ('anna', gen_random_uuid(), 1, now(), 'tea', '', ninai_terms('tea'))"
        )

    async with open_native_provider(dsn) as provider:
        assert await provider.identity()
        assert [state.content for state in await provider.snapshots(Owner("anna"))] == ["tea"]
    await drop_database(postgres_server, dsn)


async def test_owners_are_found_without_reading_their_memories(database: str) -> None:
    """Listing the owners looks at a few index entries for each, however many memories they have."""
    async with connected(database) as connection:
        await connection.execute("""
            INSERT INTO ninai_memories (user_id, id, version, created_at, content, digest, terms)
            SELECT 'user ' || n % 20, gen_random_uuid(), n, now(), 'tea', '', ninai_terms('tea')
            FROM generate_series(1, 20000) AS n
        """)
        await connection.execute("VACUUM ANALYZE ninai_memories")
    async with open_engine(database, pool_size=10) as engine, engine.connect() as connection:
        explained = text("EXPLAIN (ANALYZE, FORMAT JSON) " + replication_sql.OWNERS.text)
        [plan] = (await connection.execute(explained, {"after": "", "limit": 1_000})).scalar_one()

    scans = [node for node in nodes_of(plan["Plan"]) if "Relation Name" in node]
    assert {node["Node Type"] for node in scans} == {"Index Only Scan"}
    assert sum(node["Actual Rows"] * node["Actual Loops"] for node in scans) <= 20 * 16 * 2


async def test_the_planner_keeps_nothing_of_what_memories_say(database: str) -> None:
    """Neither a text nor what is made of one is in its samples, nor a key; names of users and of labels are."""
    fields = {"metadata": {"kind": "tea"}, "source": WriteSource(caller="tea"), "session": "monday"}
    states = [replace(live("anna", f"tea {number}"), key=f"tea/{number}", **fields) for number in range(200)]
    async with open_native_provider(database) as provider, connected(database) as connection:
        await provider.put_many(states)
        await provider.put_many([replace(state, version=state.version + 1) for state in states])
        await connection.execute("ANALYZE")
        samples = [str(row) for row in await connection.fetch(ALL_SAMPLES)]
        assert all(any(name in row for row in samples) for name in ("anna", "monday"))
        assert not any("tea" in row or digest_of("tea 1", None).hex() in row for row in samples)

        told = " ".join(await provider.remains())
        assert "VACUUM FULL" in told
        assert "the names of users and of labels, in pg_stats" in told
        assert "texts" not in told


async def test_samples_of_before_are_told_where_they_stay(database: str) -> None:
    """As they do where an operator has the planner take them again, until the schema clears them."""
    [*keeps, clears] = unsampled("ninai_memories", ("content",))
    async with open_native_provider(database) as provider, connected(database) as connection:
        await provider.put_many([live("anna", f"tea {number}") for number in range(20)])
        await connection.execute("ALTER TABLE ninai_memories ALTER COLUMN content SET STATISTICS 100")
        await connection.execute("ANALYZE ninai_memories")
        assert "texts and metadata, in pg_stats" in " ".join(await provider.remains())

        for statement in keeps:
            await connection.execute(statement)
        await connection.execute("ANALYZE ninai_memories")
        assert await connection.fetchval(SAMPLES) > 0
        assert "texts and metadata, in pg_stats" in " ".join(await provider.remains())

        await connection.execute(clears)
        assert await connection.fetchval(SAMPLES) == 0
        assert "texts and metadata" not in " ".join(await provider.remains())
