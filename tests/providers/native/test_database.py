"""The first request finds the schema usable for all, however requests come, go and end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import text

from providers.errors import Misconfigured, TimedOut
from providers.native.database import Database
from providers.native.embedded import EmbeddedServer
from providers.native.engine import open_engine
from providers.native.schema import MIGRATION_LOCK
from providers.postgres.bound_sql import BoundSql
from tests.support.faults import served_again
from tests.support.following import eventually
from tests.support.native import HashingEmbedder, host_for, open_native_provider
from tests.support.postgres import connected, create_database, drop_database

_PID = BoundSql("SELECT pg_backend_pid() AS pid", ())


@pytest.fixture
async def empty_database(postgres_server: EmbeddedServer) -> AsyncIterator[str]:
    """A database without anything in it."""
    dsn = await create_database(postgres_server, "template1")
    yield dsn
    await drop_database(postgres_server, dsn)


@asynccontextmanager
async def migration_held(dsn: str) -> AsyncIterator[None]:
    """Keep every migration waiting, as another replica's would."""
    async with connected(dsn) as connection:
        await connection.execute("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)
        yield


async def test_a_long_migration_belongs_to_no_request(empty_database: str) -> None:
    """Requests time out while a migration runs, which goes on all the same, and then service begins."""
    async with open_native_provider(empty_database, timeout=0.3) as provider:
        async with migration_held(empty_database):
            for _ in range(2):
                with pytest.raises(TimedOut) as refusal:
                    await provider.remember("anna", "tea")
                assert refusal.value.ambiguous is False
        await served_again(provider, "anna")


async def test_a_request_broken_off_breaks_off_no_other(empty_database: str) -> None:
    """Whoever came first and started the migration may be cancelled; the others get their answer."""
    async with open_native_provider(empty_database, HashingEmbedder()) as provider:
        async with migration_held(empty_database):
            tasks = [asyncio.create_task(provider.list_memories("anna")) for _ in range(5)]
            await asyncio.sleep(0.1)
            tasks[0].cancel()
            await asyncio.sleep(0.05)
        answers = await asyncio.gather(*tasks, return_exceptions=True)

    assert isinstance(answers[0], asyncio.CancelledError)
    assert answers[1:] == [[]] * 4


async def test_closing_ends_a_migration(empty_database: str) -> None:
    """A provider that is closed while it migrates leaves no task and no half of a schema."""
    before = asyncio.all_tasks()
    async with migration_held(empty_database):
        async with open_native_provider(empty_database) as provider:
            waiting = asyncio.create_task(provider.list_memories("anna"))
            await asyncio.sleep(0.1)
        await asyncio.gather(waiting, return_exceptions=True)
        assert asyncio.all_tasks() <= before
    async with connected(empty_database) as connection:
        assert await connection.fetchval("SELECT to_regclass('ninai_memories')") is None


async def test_a_failed_preparation_is_tried_again(empty_database: str) -> None:
    """Whoever asks after a failure starts anew; nobody is told of an old failure."""
    async with open_engine(empty_database, pool_size=10) as engine:
        database = Database(engine, 5, migrate=False)
        for _ in range(2):
            with pytest.raises(Misconfigured):
                async with database.reading():
                    pytest.fail("there is no schema")
        async with open_native_provider(empty_database) as provider:
            await provider.list_memories("anna")
        async with database.reading() as connection:
            assert await connection.scalar(text("SELECT count(*) FROM ninai_memories")) == 0
        await database.close()


async def test_connections_made_before_another_migrated_know_its_types(empty_database: str) -> None:
    """A replica that connected before another one's migration stores vectors after it all the same."""
    embedder = HashingEmbedder()
    async with open_native_provider(empty_database, embedder, migrate=False, pool_size=1) as early:
        with pytest.raises(Misconfigured):
            await early.list_memories("anna")
        async with open_native_provider(empty_database) as migrating:
            await migrating.list_memories("anna")

        await early.remember("anna", "tea")
        assert [hit.content for hit in await early.recall("anna", "tea")] == ["tea"]


async def test_an_ended_request_gives_its_connection_back(database: str) -> None:
    """Errors raised while a connection is lent leave the pool as it was."""
    async with open_engine(database, pool_size=1) as engine:
        lender = Database(engine, 5, migrate=True)
        for _ in range(5):
            with pytest.raises(KeyError):
                async with lender.reading():
                    raise KeyError
            with pytest.raises(Exception, match="22012"):
                async with lender.writing() as connection:
                    await connection.execute(text("SELECT 1 / 0"))
        async with lender.reading() as connection:
            answer: Any = await connection.scalar(text("SELECT 1"))
        assert answer == 1


async def test_connections_are_shown_while_the_pool_is_open(database: str) -> None:
    """As many as are there at the moment of a scrape; a pool that was closed is shown no longer."""
    host = host_for()

    def shown() -> list[float | None]:
        return [
            host.metrics.registry.get_sample_value(
                "ninai_database_connections", {"provider": host.name, "state": state}
            )
            for state in ("in_use", "idle")
        ]

    async with open_native_provider(database, HashingEmbedder(), host=host) as provider:
        before = shown()
        await provider.remember("anna", "tea")
        async with connected(database) as postgres, postgres.transaction():
            await postgres.execute("LOCK ninai_memories")
            waiting = asyncio.create_task(provider.remember("anna", "coffee"))
            await eventually(lambda: asyncio.sleep(0, shown()[0] == 1))
        await waiting
        await eventually(lambda: asyncio.sleep(0, shown()[0] == 0))  # embedding later takes one as well
        after = shown()

    assert before == [0, 0]
    assert after[1] is not None
    assert after[1] >= 1
    assert shown() == [None, None]


async def test_the_connection_that_was_used_last_comes_first(empty_database: str) -> None:
    """It has planned the statements already; others that were needed for a while stay idle."""
    async with open_engine(empty_database, pool_size=3) as engine:
        database = Database(engine, 5, migrate=True)
        async with database.reading(), database.reading(), database.reading():
            pass
        pids = [[row.pid for row in await database.bound_rows(_PID)] for _ in range(4)]

    assert pids == pids[:1] * 4
    assert pids[0]


async def test_a_statement_that_was_broken_off_leaves_no_answer_behind(empty_database: str) -> None:
    """Its connection is given up, and the next statement gets an answer of its own."""
    async with open_engine(empty_database, pool_size=1) as engine:
        database = Database(engine, 5, migrate=True)
        [former] = await database.bound_rows(_PID)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await database.bound_rows(BoundSql("SELECT pg_sleep(60)", ()))
        [later] = await database.bound_rows(_PID)

    assert later.pid != former.pid
