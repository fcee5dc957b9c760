"""A database is distributed step by step, wherever the last try ended; on plain PostgreSQL that is refused."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from providers.errors import Misconfigured, Unsupported
from providers.feed import FeedQuery
from providers.labels import NAMES
from providers.migrations import DistributionStep
from providers.native.distribution.distributing import Distribution
from providers.native.embedded import EmbeddedServer
from providers.native.engine import open_engine
from providers.native.schema import Schema
from providers.owners import Owner
from providers.types import NewMemory, PageQuery
from tests.providers.native.test_schema import downgraded
from tests.support.fake_citus import install, said_to
from tests.support.native import HashingEmbedder, open_native_provider
from tests.support.partitioned import rebuild
from tests.support.postgres import connected, create_database, drop_database

OWNER = Owner("ann")
STRANGE = """
    CREATE FUNCTION strange() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER strange BEFORE INSERT ON ninai_memories FOR EACH ROW EXECUTE FUNCTION strange();
"""
FUNCTIONS = [
    "function ninai_changed_fields(text,jsonb)",
    "function ninai_field(text,text)",
    "function ninai_lexeme_dimension(text)",
    "function ninai_moment_field(text,text)",
    "function ninai_of_several(text)",
    "function ninai_question(text,integer)",
    "function ninai_terms(text)",
    "function ninai_touched_fields(text,timestamp with time zone,bigint,timestamp with time zone)",
]
DISTRIBUTED = ["distributed ninai_history by user_id", "distributed ninai_memories by user_id"]
SMALL = [
    "local ninai_erasure_keys",
    "local ninai_erasures",
    "local ninai_schema_version",
    "local ninai_store",
]


def ignored(_step: DistributionStep) -> None:
    """Tell nobody."""


async def distribute(dsn: str, begins: Callable[[DistributionStep], None] = ignored) -> list[str]:
    """Distribute a database, and return what should be set otherwise."""
    async with open_engine(dsn, pool_size=1) as engine:
        plan = await Schema(engine).distribute(begins)
    assert plan.steps == ()
    return list(plan.advice)


@pytest.fixture
async def citus(database: str) -> str:
    """The dsn of a database that had its schema before Citus came."""
    await install(database)
    return database


@pytest.fixture
async def new_citus(postgres_server: EmbeddedServer) -> AsyncIterator[str]:
    """The dsn of a database with Citus and nothing else."""
    dsn = await create_database(postgres_server, "template1")
    await install(dsn)
    yield dsn
    await drop_database(postgres_server, dsn)


async def test_plain_postgres_is_refused(database: str) -> None:
    """It says what is missing, and nothing is changed."""
    with pytest.raises(Misconfigured, match="this is plain PostgreSQL: the extension citus is not in this database"):
        await distribute(database)

    async with open_native_provider(database) as provider:
        await provider.health_check()
        assert not provider._database.distributed  # noqa: SLF001 - what it found


@pytest.mark.thorough
async def test_a_schema_that_is_made_on_citus_is_distributed(new_citus: str) -> None:
    """So its first memory is stored on a worker already; and the extension that is there is not made again."""
    async with connected(new_citus) as connection:
        await connection.execute("CREATE EXTENSION vector")
    async with open_engine(new_citus, pool_size=1) as engine:
        await Schema(engine).upgrade()
    async with open_native_provider(new_citus, HashingEmbedder()) as provider:
        await provider.remember("ann", "tea at five")
        assert [memory.content for memory in await provider.recall("ann", "tea")] == ["tea at five"]

    assert await said_to(new_citus) == [*FUNCTIONS, *DISTRIBUTED, *SMALL]


@pytest.mark.thorough
async def test_memories_are_distributed_online_and_stay_what_they_are(citus: str) -> None:
    """Every column has the values that triggers gave it before, and whoever had rights has them."""
    expires = datetime(2126, 3, 1, tzinfo=UTC)
    async with connected(citus) as connection:
        await connection.execute("CREATE ROLE reader; GRANT SELECT ON ninai_memories TO reader")
    async with open_native_provider(citus, HashingEmbedder()) as provider:
        plain = NewMemory(owner=OWNER, content="tea", metadata={"a": 1.5}, expires_at=expires)
        await provider.store(replace(plain, **{name: f'my "{name}"' for name in NAMES}))
        await provider.store(NewMemory(owner=OWNER, content="lone \\ud800 mark", key="a/key"))
        changed = await provider.remember("ann", "coffee at four")
        await provider.update("ann", changed, content="coffee at five")
        assert [state.content for state in await provider.superseded(OWNER)] == ["coffee at four"]
        before = (await provider.page(PageQuery(owner=OWNER))).memories
        told: list[str] = []
        await distribute(citus, lambda step: told.append(step.title))
        assert told == [
            "make ninai_memories a table that can be distributed; writes wait meanwhile",
            "empty ninai_history, which nothing looks after in a distributed database",
            "bring the functions to all nodes",
            "distribute ninai_history by user_id",
            "distribute ninai_memories by user_id, online",
            "tell all nodes of the small tables, which stay at the coordinator",
        ]
    async with open_native_provider(citus, HashingEmbedder()) as provider:
        assert (await provider.page(PageQuery(owner=OWNER))).memories == before
        [found] = (await provider.page(PageQuery(owner=OWNER, session='my "session"'))).memories
        assert (found.content, found.expires_at) == ("tea", expires)
        with pytest.raises(Unsupported, match="each of its nodes counts transactions of its own"):
            await provider.feed(FeedQuery(owner=OWNER))
    async with connected(citus) as connection:
        assert await connection.fetchval("SELECT count(*) FROM ninai_history") == 0
        assert await connection.fetchval("SELECT has_table_privilege('reader', 'ninai_memories', 'SELECT')")
        await connection.execute("DROP OWNED BY reader; DROP ROLE reader")
    assert (await said_to(citus))[len(FUNCTIONS) :] == [*DISTRIBUTED, "online", *SMALL]


async def test_a_running_provider_goes_on_over_a_distribution(citus: str) -> None:
    """It finds out by the first refusal that its table has another form, and the next call is answered."""
    async with open_native_provider(citus, HashingEmbedder()) as provider:
        kept = await provider.remember("ann", "tea at five")
        await provider.recall("ann", "tea")
        await distribute(citus)

        for _ in range(3):
            try:
                [memory] = await provider.recall("ann", "tea")
                break
            except Misconfigured:
                continue
        assert memory.id == kept
        assert provider._database.distributed  # noqa: SLF001 - what it found


async def test_what_is_done_is_not_done_again(citus: str) -> None:
    """A second time there is nothing left; the first one was broken off, too, and the rest was done."""

    class BrokenOffError(Exception):
        pass

    def break_off(step: DistributionStep) -> None:
        if step.title.startswith("distribute"):
            raise BrokenOffError

    with pytest.raises(BrokenOffError):
        await distribute(citus, break_off)
    begun = await said_to(citus)
    await distribute(citus)
    await distribute(citus)

    done = await said_to(citus)
    assert begun == FUNCTIONS
    assert done == [*FUNCTIONS, *DISTRIBUTED, *SMALL]


async def test_a_trigger_that_nothing_replaces_is_in_the_way(citus: str) -> None:
    """Else a column would keep what it had, and nobody would notice."""
    async with connected(citus) as connection:
        await connection.execute(STRANGE)

    with pytest.raises(Misconfigured, match=r"has triggers that a distributed table cannot have.*: strange"):
        await distribute(citus)
    assert await said_to(citus) == []


async def test_row_level_security_is_refused_there(citus: str) -> None:
    """A table without policies would show nothing to anybody."""
    await distribute(citus)

    async with open_engine(citus, pool_size=1) as engine:
        with pytest.raises(Misconfigured, match="a distributed database has no row-level security"):
            await Schema(engine).wall(up=True)


async def test_settings_of_the_nodes_are_looked_at(citus: str) -> None:
    """The server of the tests has the `wal_level` with which shards cannot be moved online."""
    advice = await distribute(citus)

    assert "worker-1:5432: wal_level is replica; shards move without blocking writes with logical" in advice


async def test_plans_are_made_for_their_values_where_citus_is(citus: str, postgres_server: EmbeddedServer) -> None:
    """Everywhere else the generic plan is forced, which Citus refuses; a pool of any user has it so."""
    plain = await create_database(postgres_server)
    modes: dict[str, Any] = {}
    for name, dsn in (("citus", citus), ("plain", plain)):
        async with open_engine(dsn, pool_size=1) as engine, engine.connect() as connection:
            modes[name] = (await connection.exec_driver_sql("SHOW plan_cache_mode")).scalar()
    await drop_database(postgres_server, plain)

    assert modes == {"citus": "auto", "plain": "force_generic_plan"}


async def test_what_triggers_derive_columns_compute(postgres_server: EmbeddedServer) -> None:
    """The same texts give the same columns in both forms, escapes of what PostgreSQL cannot hold included."""
    texts = [
        None,
        '{"first_version":3,"session":"a","speaker":"Z\\u00e9"}',
        '{"key":"k\\u0000","agent":"\\ud83d","app":"x","expires_at":"2030-01-02T03:04:05Z"}',
        '{"expires_at":"2030-01-02T03:04:05.678901Z","other":"\\\\u0000","session":null}',
        '{"expires_at":"2030-01-02T03:04:05Z","sliding_seconds":3162240000,"touched_at":"2030-01-01T00:00:00.5Z"}',
        '{"mood":"session"}',
        '{"touched_at":"2030-01-01T00:00:00Z"}',
        '{"source":{"client":"c \\u0000 \\u00e9","run":"r"},"session":"s"}',
    ]
    derived = "first_version, session, agent, app, speaker, key, expires_at, sliding_seconds, touched_at, source"
    found = []
    for form in (None, rebuild):
        dsn = await create_database(postgres_server)
        if form is not None:
            await form(dsn)
        async with connected(dsn) as connection:
            for text in texts:
                await connection.execute(
                    "INSERT INTO ninai_memories (user_id, id, version, content, created_at, digest, terms, unknown)"
                    " VALUES ('ann', gen_random_uuid(), 7, 'tea', now(), 'd', ninai_terms('tea'), $1)",
                    text,
                )
            rows = await connection.fetch(f"SELECT {derived} FROM ninai_memories ORDER BY unknown NULLS FIRST")  # noqa: S608 - names
            found.append([tuple(row) for row in rows])
        await drop_database(postgres_server, dsn)

    assert found[1] == found[0]


async def test_columns_that_a_later_version_adds_are_generated_as_well(postgres_server: EmbeddedServer) -> None:
    """An upgrade finds out in which form the table is, and takes nothing from what is there."""
    dsn = await create_database(postgres_server)
    await rebuild(dsn)
    async with open_native_provider(dsn, HashingEmbedder()) as provider:
        ends = datetime(2126, 3, 1, tzinfo=UTC)
        await provider.store(NewMemory(owner=OWNER, content="tea", expires_at=ends, sliding_seconds=60))
    async with open_engine(dsn, pool_size=1) as engine:
        schema = Schema(engine)
        await downgraded(engine, schema, "0018")
        await schema.upgrade()
    async with connected(dsn) as connection:
        rows = await connection.fetch("""
            SELECT attname, attgenerated FROM pg_attribute
            WHERE attrelid = 'ninai_memories'::regclass AND attname IN ('sliding_seconds', 'touched_at')
        """)
        assert {row["attname"]: row["attgenerated"] for row in rows} == {"sliding_seconds": b"s", "touched_at": b"s"}
    async with open_native_provider(dsn, HashingEmbedder()) as provider:
        [memory] = (await provider.page(PageQuery(owner=OWNER))).memories
        assert (memory.expires_at, memory.sliding_seconds) == (ends, 60)
    await drop_database(postgres_server, dsn)


async def test_a_look_at_plain_postgres_asks_nothing_of_citus(database: str) -> None:
    """All that is known is what any database has."""
    async with open_engine(database, pool_size=1) as engine:
        layout = await Distribution(engine).layout()

    assert (layout.citus, layout.nodes) == (None, ())
    [memories] = [table for table in layout.tables if table.name == "ninai_memories"]
    assert (memories.partitioned, memories.of_owners, memories.key, memories.filled) == (True, True, None, False)
