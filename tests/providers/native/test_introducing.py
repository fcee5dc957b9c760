"""Who a database says it is: its name, its mark, and the history of its server."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from alembic import command
from msgspec.structs import replace
from sqlalchemy import Connection, make_url
from structlog.testing import capture_logs

from providers.errors import Unavailable
from providers.introduction import StoreMark
from providers.native.embedded import EmbeddedServer
from providers.native.engine import open_engine
from providers.native.schema import Schema
from tests.support.following import eventually
from tests.support.native import HashingEmbedder, open_native_provider
from tests.support.postgres import connected, create_database, drop_database, make_template, running_server
from tests.support.rollback import copied, put_back, running_standby

FIRST = StoreMark(installation="an installation", journal="a journal", epoch=1, number=5, at=1_700_000_000.5)
SECOND = replace(FIRST, number=6)


async def test_of_many_who_leave_a_mark_at_once_one_does(database: str) -> None:
    """The comparison is PostgreSQL's, so that exactly one mark takes the place of the former one."""
    marks = [replace(FIRST, number=number) for number in range(40)]
    async with open_native_provider(database) as one, open_native_provider(database) as other:
        left = await asyncio.gather(*((one, other)[mark.number % 2].leave_mark(mark, None) for mark in marks))

        assert left.count(True) == 1
        assert (await one.introduce()).mark == marks[left.index(True)]


async def test_marks_leave_nothing_behind(database: str) -> None:
    """An update each second stays on one page and out of the index, also before any vacuum."""
    sizes = "SELECT pg_relation_size('ninai_store'), pg_relation_size('ninai_store_pkey')"
    async with open_native_provider(database) as provider, connected(database) as connection:
        await connection.execute("ALTER TABLE ninai_store SET (autovacuum_enabled = false)")
        before = tuple(await connection.fetchrow(sizes))
        former = None
        for number in range(300):
            mark = replace(FIRST, number=number, installation="i" * 64, journal="j" * 64)
            assert await provider.leave_mark(mark, former)
            former = mark

        assert tuple(await connection.fetchrow(sizes)) == before


async def test_a_mark_is_whole(database: str) -> None:
    """No hand can leave half of one."""
    async with connected(database) as connection:
        with pytest.raises(Exception, match="ninai_store_whole_mark"):
            await connection.execute("UPDATE ninai_store SET mark_epoch = 1")


async def test_the_version_before_leaves_the_mark_alone(database: str) -> None:
    """It writes to the same row which model is wanted, and asks for the name alone, as these statements of it do."""
    async with open_native_provider(database) as provider, connected(database) as connection:
        await provider.leave_mark(FIRST, None)
        await connection.execute("UPDATE ninai_store SET embedding_model = 'test/former'")
        name = await connection.fetchval("SELECT id FROM ninai_store")

        introduction = await provider.introduce()
        assert (introduction.identity, introduction.mark) == (f"postgresql:{name}", FIRST)


async def test_the_lineage_is_that_of_server_and_database(database: str, postgres_server: EmbeddedServer) -> None:
    """Whoever asks is told the same, and of another database of the same server another one."""
    elsewhere = await create_database(postgres_server)
    async with (
        open_native_provider(database) as one,
        open_native_provider(database, pooler="pgbouncer") as other,
        open_native_provider(elsewhere) as another,
    ):
        lineage = (await one.introduce()).lineage

        assert lineage is not None
        assert lineage == (await other.introduce()).lineage == (await one.introduce()).lineage
        assert (await another.introduce()).lineage != lineage
    await drop_database(postgres_server, elsewhere)


@pytest.mark.parametrize("code", ["0A000", "P0001", "42883"])
async def test_a_server_that_refuses_its_history_tells_the_rest(database: str, code: str) -> None:
    """A managed service may have put an error of its own into the place of a function."""
    async with connected(database) as connection:
        await connection.execute("ALTER FUNCTION pg_catalog.pg_walfile_name(pg_lsn) RENAME TO pg_walfile_name_of_old")
        await connection.execute(f"""
            CREATE FUNCTION pg_catalog.pg_walfile_name(lsn pg_lsn) RETURNS text LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'not on this service' USING ERRCODE = '{code}'; END $$
        """)
    async with open_native_provider(database) as provider:
        await provider.leave_mark(FIRST, None)
        introduction = await provider.introduce()

        assert (introduction.lineage, introduction.mark) == (None, FIRST)
        assert introduction.identity == await provider.identity()


@pytest.mark.parametrize("function", ["pg_control_system()", "pg_walfile_name(pg_lsn)"])
async def test_a_role_without_the_functions_is_told_the_rest(database: str, function: str) -> None:
    """The rights of an ordinary role are enough; without them there is no lineage, and no error."""
    dsn = make_url(database).set(username="reader").render_as_string(hide_password=False)
    async with connected(database) as connection:
        await connection.execute("CREATE ROLE reader LOGIN")
        await connection.execute("GRANT SELECT ON ninai_schema_version, ninai_store TO reader")
        async with open_native_provider(dsn, migrate=False) as provider:
            told = await provider.introduce()
        await connection.execute(f"REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC")
        async with open_native_provider(dsn, migrate=False) as provider:
            less = await provider.introduce()
        await connection.execute("DROP OWNED BY reader")
        await connection.execute("DROP ROLE reader")

    assert told.lineage is not None
    assert less == replace(told, lineage=None)


async def test_a_role_that_may_not_mark_is_warned_of_once(database: str) -> None:
    """Where a role has leave to read the table alone, the store keeps no mark, and works as before."""
    dsn = make_url(database).set(username="copyist").render_as_string(hide_password=False)
    async with connected(database) as connection:
        await connection.execute("CREATE ROLE copyist LOGIN")
        await connection.execute("GRANT SELECT ON ninai_schema_version, ninai_store TO copyist")
        with capture_logs() as logs:
            async with open_native_provider(dsn, migrate=False) as provider:
                assert [await provider.leave_mark(FIRST, None) for _ in range(3)] == [False] * 3
                assert (await provider.introduce()).mark is None
        await connection.execute("DROP OWNED BY copyist")
        await connection.execute("DROP ROLE copyist")

    assert [log["event"] for log in logs].count("store_mark_not_kept") == 1


async def test_a_database_that_is_only_read_tells_who_it_is(database: str) -> None:
    """It takes no mark, which is no answer, and goes on as soon as it is written to again."""
    name = make_url(database).database
    async with connected(database) as connection:
        await connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        async with open_native_provider(database) as provider:
            with pytest.raises(Unavailable) as refusal:
                await provider.leave_mark(FIRST, None)
            assert not refusal.value.ambiguous
            assert (await provider.introduce()).mark is None
        await connection.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    async with open_native_provider(database) as provider:
        assert await provider.leave_mark(FIRST, None)


async def test_a_database_put_back_tells_its_former_mark(database: str, postgres_server: EmbeddedServer) -> None:
    """A restored backup has the name and the mark of its time, and another lineage, whatever its mark is."""
    async with open_native_provider(database) as provider:
        await provider.leave_mark(FIRST, None)
        copy = await copied(postgres_server, database)
        then = await introduced(provider)
        await provider.leave_mark(SECOND, FIRST)
        await put_back(postgres_server, database, copy)
        now = await introduced(provider)

    assert (now.identity, now.mark) == (then.identity, FIRST)
    assert now.lineage != then.lineage


@pytest.mark.thorough
@pytest.mark.parametrize("revision", ["0004", "base"])
async def test_a_database_put_back_to_an_older_schema_is_migrated(
    database: str, postgres_server: EmbeddedServer, revision: str
) -> None:
    """A backup may be older than the last migration, or hold nothing; the running service brings it up to date."""
    async with open_native_provider(database) as provider:
        identity = await provider.identity()
        backup = await create_database(postgres_server)
        await downgraded(backup, revision)
        await put_back(postgres_server, database, str(make_url(backup).database))
        with suppress(Unavailable):  # its sessions were ended
            await provider.identity()
        with suppress(Unavailable):  # it lacks what it had
            await provider.identity()

        assert (await provider.introduce()).mark is None
        assert await provider.leave_mark(FIRST, None)
        assert (await provider.identity() == identity) is (revision != "base")


async def downgraded(dsn: str, revision: str) -> None:
    """Take back everything after a revision."""
    async with open_engine(dsn, pool_size=1) as engine, engine.connect() as connection:
        schema = Schema(engine)

        def downgrade(connection: Connection) -> None:
            schema._config.attributes["connection"] = connection  # noqa: SLF001 - there is no downgrade for users
            command.downgrade(schema._config, revision)  # noqa: SLF001 - as above

        await connection.run_sync(downgrade)


async def test_a_model_is_said_again_to_a_database_put_back(database: str) -> None:
    """A database that was put back to a time before this process started must hear of its model."""
    wanted = "SELECT embedding_model FROM ninai_store"
    async with open_native_provider(database, HashingEmbedder()) as provider, connected(database) as connection:

        async def is_wanted() -> bool:
            return bool(await connection.fetchval(wanted) == "test/hashing")

        await eventually(is_wanted)
        await provider.leave_mark(FIRST, None)
        await provider.introduce()
        await connection.execute("UPDATE ninai_store SET embedding_model = 'test/former'")
        await provider.leave_mark(replace(FIRST, epoch=2), FIRST)

        await eventually(is_wanted)


@pytest.mark.soak
async def test_a_promoted_standby_begins_another_history(postgres_major: int) -> None:
    """While it follows it takes no mark and tells no lineage; from its promotion on it tells another one at once."""
    with running_server(postgres_major) as primary:
        await make_template(primary)
        dsn = await create_database(primary)
        async with running_standby(primary, postgres_major) as standby, open_native_provider(dsn) as provider:
            await provider.leave_mark(FIRST, None)
            await standby.caught_up(dsn)
            before = await provider.introduce()
            await standby.cut_off(dsn)
            await provider.leave_mark(SECOND, FIRST)
            async with open_native_provider(standby.dsn_of(dsn)) as follower:
                with pytest.raises(Unavailable):
                    await follower.leave_mark(SECOND, FIRST)
                assert await follower.introduce() == replace(before, lineage=None)
                await standby.promote(dsn)
                promoted = await follower.introduce()
                assert await follower.leave_mark(SECOND, promoted.mark)

    assert (promoted.identity, promoted.mark) == (before.identity, FIRST)
    assert promoted.lineage not in {None, before.lineage}


async def introduced(provider: Any) -> Any:  # noqa: ANN401 - what a provider answers
    """Return what a store tells, whose sessions may just have been ended."""
    with suppress(Unavailable):
        return await provider.introduce()
    return await provider.introduce()
