"""The tables of a journal come to their present form step by step, whoever has made them."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from uuid import UUID

import pytest
from msgspec.structs import replace
from sqlalchemy import make_url
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection

from providers.errors import Misconfigured
from providers.journal.base import JournalUnavailable
from providers.journal.postgres import steps as postgres_steps
from providers.journal.sqlite import steps as sqlite_steps
from providers.journal.sqlite.opening import open_file, open_memory
from providers.journal.sqlite.schema import create
from providers.journal.steps import SchemaStep
from providers.native.embedded import EmbeddedServer
from providers.postgres.engine import open_pool
from tests.providers.journal.postgres_rig import opened
from tests.providers.journal.rig import put, remember, update
from tests.support.postgres import connected, create_database, drop_database

FORMER = Path(__file__).parent / "former"
BY_HAND = """
    ALTER TABLE operations ADD COLUMN trace INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX traces_of_user ON operations (user_id, seq) WHERE trace = 1;
"""
WAITING = """
    SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')
"""
ADDITION = SchemaStep(title="an addition", statements=("CREATE TABLE ninai_journal_added (a text)",))


def a_break(forms: int) -> SchemaStep:
    """Return a step beside which no former program can go on."""
    return SchemaStep(title="a break", statements=("CREATE TABLE ninai_journal_more (a text)",), form=forms + 1)


def broken(title: str = "a step that fails in the middle") -> SchemaStep:
    """Return a step whose second statement fails."""
    return SchemaStep(title=title, statements=("CREATE TABLE ninai_journal_more (a text)", "SELECT no_such_column"))


def tables_in(connection: sqlite3.Connection) -> dict[str, set[tuple[object, ...]]]:
    """Return the columns of all tables and indexes."""
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master")]
    columns = {name: connection.execute(f"PRAGMA table_info({name})").fetchall() for name in names}
    indexed = {name: connection.execute(f"PRAGMA index_info({name})").fetchall() for name in names}
    return {name: {row[1:] for row in columns[name]} or set(indexed[name]) for name in names}


@pytest.mark.parametrize(("script", "more"), [("sqlite.sql", ""), ("sqlite.sql", BY_HAND), ("sqlite_2.sql", "")])
def test_a_former_file_gets_the_tables_of_a_new_one(tmp_path: Path, script: str, more: str) -> None:
    """It keeps its form, and the former columns; opening it again takes no further step."""
    path = tmp_path / "journal"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((FORMER / script).read_text("utf-8") + more)
        [form] = connection.execute("PRAGMA user_version").fetchone()
    with closing(open_memory(lambda: 0.0).raw) as fresh:
        wanted = tables_in(fresh)

    open_file(path, lambda: 0.0).close()

    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        found = tables_in(connection)
        assert {row[0] for row in wanted.pop("operations")} <= {row[0] for row in found.pop("operations")}
        assert found == wanted
        assert sqlite_steps.steps_taken(connection) == len(sqlite_steps.STEPS)
        assert connection.execute("PRAGMA user_version").fetchone() == (form,)
        assert sqlite_steps.upgrade(connection) == 0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a journal's file of this version."""
    path = tmp_path / "journal"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        create(connection)
        connection.execute("PRAGMA journal_mode = WAL")
    return path


def test_a_program_goes_on_beside_an_addition(file: Path) -> None:
    """It uses a file with more steps than it knows, and takes none back."""
    with closing(sqlite3.connect(file, isolation_level=None)) as newer:
        assert sqlite_steps.upgrade(newer, (*sqlite_steps.STEPS, ADDITION)) == 1

        open_file(file, lambda: 0.0).close()

        assert sqlite_steps.steps_taken(newer) == len(sqlite_steps.STEPS) + 1


def test_a_program_refuses_a_break(file: Path) -> None:
    """It says which program has to be updated."""
    with closing(sqlite3.connect(file, isolation_level=None)) as newer:
        sqlite_steps.upgrade(newer, (*sqlite_steps.STEPS, a_break(sqlite_steps.FORMS.newest)))

    with pytest.raises(JournalUnavailable, match=f"form {sqlite_steps.FORMS.newest + 1}.*update this program"):
        open_file(file, lambda: 0.0)


def test_a_step_is_taken_whole_or_not_at_all(file: Path) -> None:
    """The steps before it stay."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        more = SchemaStep(title="an index", statements=("CREATE INDEX more ON claims (holder)",))
        with pytest.raises(sqlite3.OperationalError, match="no_such_column"):
            sqlite_steps.upgrade(connection, (*sqlite_steps.STEPS, more, broken()))

        assert sqlite_steps.steps_taken(connection) == len(sqlite_steps.STEPS) + 1
        assert "ninai_journal_more" not in tables_in(connection)


@asynccontextmanager
async def transaction(dsn: str) -> AsyncIterator[AsyncConnection]:
    """Hold a transaction in a database."""
    async with open_pool(dsn, pool_size=1) as engine, engine.connect() as plain:
        connection = await plain.execution_options(isolation_level="READ COMMITTED")
        async with connection.begin():
            yield connection


DESCRIBED = """
    SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable FROM information_schema.columns
    WHERE table_name LIKE 'ninai_journal%'
    UNION SELECT indexdef FROM pg_indexes WHERE tablename LIKE 'ninai_journal%'
    UNION SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname LIKE 'ninai_journal%'
"""


async def described(dsn: str) -> list[str]:
    """Return all columns, indexes and functions of the journal's tables."""
    async with connected(dsn) as observer:
        return sorted(row[0] for row in await observer.fetch(DESCRIBED))


@pytest.mark.parametrize("script", ["postgres.sql", "postgres_leases.sql"])
async def test_former_tables_become_those_of_a_new_journal(
    postgres_server: EmbeddedServer, database: str, script: str
) -> None:
    """Their form stays."""
    former = await create_database(postgres_server, "template1")
    async with connected(former) as administrator:
        await administrator.execute((FORMER / script).read_text("utf-8"))
    for dsn in (database, former):
        async with opened(dsn) as journal:
            await put(journal, remember())
        async with connected(dsn) as observer:
            row = await observer.fetchrow("SELECT version, step FROM ninai_journal")
            assert tuple(row) == (1, len(postgres_steps.STEPS))

    assert await described(former) == await described(database)
    await drop_database(postgres_server, former)


async def test_tables_of_another_role_are_upgraded_by_their_owner(postgres_server: EmbeddedServer) -> None:
    """The service says what to run; afterwards its role may write to what is new."""
    owner = await create_database(postgres_server, "template1")
    async with connected(owner) as administrator:
        await administrator.execute((FORMER / "postgres_leases.sql").read_text("utf-8"))
        await administrator.execute("""
            CREATE ROLE "The Worker" LOGIN;
            GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO "The Worker";
            GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO "The Worker"
        """)
    worker = make_url(owner).set(username="The Worker").render_as_string(hide_password=False)
    async with opened(worker) as journal:
        with pytest.raises(JournalUnavailable, match="run `ninai journal upgrade` with the role that owns them"):
            await put(journal, remember())
        async with opened(owner):
            pass
        await put(journal, remember("m"))
        changed = replace(update("m", "coffee"), edit_id=str(UUID(int=1)), older_edits=(str(UUID(int=2)),))
        await put(journal, changed)
        assert await journal.prune(0) >= 0
    async with connected(owner) as administrator:
        await administrator.execute('DROP OWNED BY "The Worker"; DROP ROLE "The Worker"')
    await drop_database(postgres_server, owner)


async def test_a_program_goes_on_beside_additions_to_tables(database: str) -> None:
    """It uses tables with more steps than it knows, and takes none back."""
    async with opened(database) as journal:
        await journal.join("home", None)
    async with transaction(database) as connection:
        _, taken = await postgres_steps.upgrade(connection, (*postgres_steps.STEPS, ADDITION))
        assert taken == 1

    async with opened(database) as journal:
        await put(journal, remember())
    async with transaction(database) as connection:
        tables = await postgres_steps.find(connection)
    assert tables is not None
    assert tables.taken == len(postgres_steps.STEPS) + 1


async def test_a_program_refuses_broken_tables(database: str) -> None:
    """It says which program has to be updated."""
    newest = postgres_steps.FORMS.newest
    async with transaction(database) as connection:
        tables, _ = await postgres_steps.upgrade(connection, (*postgres_steps.STEPS, a_break(newest)))
        assert tables.form == newest + 1

    async with transaction(database) as connection:
        with pytest.raises(Misconfigured, match=f"form {newest + 1}.*update this program"):
            await postgres_steps.find(connection)


async def test_steps_and_statements_stand_in_no_circle(database: str) -> None:
    """A transaction that has read one table goes on to the next while the steps wait for the first."""
    step = SchemaStep(
        title="two tables",
        statements=(
            "ALTER TABLE ninai_journal ADD COLUMN a text",
            "ALTER TABLE ninai_journal_entries ADD COLUMN a text",
        ),
    )
    async with opened(database) as journal:
        await put(journal, remember())

    async def upgraded() -> int:
        async with transaction(database) as connection:
            await connection.exec_driver_sql("SET LOCAL deadlock_timeout = '200ms'")
            return (await postgres_steps.upgrade(connection, (*postgres_steps.STEPS, step)))[1]

    async with connected(database) as former, connected(database) as observer, asyncio.TaskGroup() as tasks:
        async with former.transaction():
            await former.fetch("SELECT FROM ninai_journal_entries")
            upgrading = tasks.create_task(upgraded())
            async with asyncio.timeout(20):
                while not await observer.fetchval(WAITING):  # noqa: ASYNC110 - the server tells nobody
                    await asyncio.sleep(0.01)
            assert await former.fetchval("SELECT count(*) FROM ninai_journal") == 1
        assert await upgrading == 1


async def test_steps_of_tables_are_taken_whole_or_not_at_all(database: str) -> None:
    """A step that fails leaves the tables as they were."""
    async with opened(database) as journal:
        await journal.join("home", None)
    before = await described(database)
    with pytest.raises(ProgrammingError, match="no_such_column"):
        async with transaction(database) as connection:
            await postgres_steps.upgrade(connection, (*postgres_steps.STEPS, ADDITION, broken()))

    assert await described(database) == before
