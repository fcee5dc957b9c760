"""The schema comes up to date by itself, once however many start, and newer ones are lived with."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection, make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine

from providers.errors import Misconfigured, Unavailable
from providers.migrations import SchemaState
from providers.native import schema as schema_module
from providers.native.embedded import EmbeddedServer, wheel_binaries
from providers.native.engine import open_engine
from providers.native.opening import opened_schema
from providers.native.schema import Schema
from providers.owners import Owner
from providers.postgres.translate import PossibleWrites, TimeLimit, translated
from tests.support.native import HashingEmbedder, open_native_provider
from tests.support.postgres import (
    connected,
    create_database,
    create_latin_database,
    drop_database,
    reachable_folder,
)

MIGRATIONS = Path(schema_module.__file__).parent / "migrations"

NEWEST = "0022"
NEXT = "0023"

ONE_MORE = f'''
"""One more column.

Revision ID: {NEXT}
Revises: {NEWEST}
"""

from alembic import op

revision = "{NEXT}"
down_revision = "{NEWEST}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column that this version's code knows nothing of."""
    op.execute("ALTER TABLE ninai_memories ADD COLUMN mood text NOT NULL DEFAULT 'calm'")
'''


@pytest.fixture
async def empty_database(postgres_server: EmbeddedServer) -> AsyncIterator[str]:
    """A database without anything in it."""
    dsn = await create_database(postgres_server, "template1")
    yield dsn
    await drop_database(postgres_server, dsn)


@pytest.fixture
async def guest(postgres_server: EmbeddedServer, empty_database: str) -> AsyncIterator[str]:
    """The dsn of the empty database for a role that may connect and no more."""
    async with connected(postgres_server.dsn) as connection:
        await connection.execute("CREATE ROLE visitor LOGIN")
    yield make_url(empty_database).set(username="visitor").render_as_string(hide_password=False)
    async with connected(empty_database) as connection:
        await connection.execute("DROP OWNED BY visitor")
        await connection.execute("DROP ROLE visitor")


@pytest.fixture
def newer_migrations(tmp_path: Path) -> Path:
    """The folder of a version that is one revision ahead of this one."""
    versions = tmp_path / "versions"
    versions.mkdir()
    (tmp_path / "env.py").write_text((MIGRATIONS / "env.py").read_text())
    for revision in (MIGRATIONS / "versions").glob("0*.py"):
        (versions / revision.name).write_text(revision.read_text())
    (versions / f"{NEXT}_mood.py").write_text(ONE_MORE)
    return tmp_path


def opened(dsn: str) -> contextlib.AbstractAsyncContextManager[AsyncEngine]:
    """An engine on the database."""
    return open_engine(dsn, pool_size=10)


async def tables_of(dsn: str) -> int:
    """How many tables of ours the database has."""
    async with connected(dsn) as connection:
        return int(
            await connection.fetchval("SELECT count(*) FROM pg_class WHERE relname ~ '^ninai_memories(_[0-9]+)?$'")
        )


async def test_nothing_is_there_before_the_first_upgrade(empty_database: str) -> None:
    """Of an empty database the state says that everything is pending, and asking changes nothing."""
    async with opened(empty_database) as engine:
        state = await Schema(engine).state()

    assert state == SchemaState(current=None, newest=NEWEST, pending=[*(f"{step:04}" for step in range(1, int(NEXT)))])
    assert state.usable is False
    assert await tables_of(empty_database) == 0


async def test_an_upgrade_makes_everything(empty_database: str) -> None:
    """After an upgrade the schema is at the newest revision, and a second one changes nothing."""
    async with opened(empty_database) as engine:
        first = await Schema(engine).upgrade()
        second = await Schema(engine).upgrade()

    assert first == second == SchemaState(current=NEWEST, newest=NEWEST, pending=[])
    assert first.usable is True
    assert await tables_of(empty_database) == 17


@pytest.mark.thorough
async def test_eight_upgrades_at_once_take_turns(empty_database: str) -> None:
    """Replicas that start together on an empty database all end with the schema in place."""
    async with contextlib.AsyncExitStack() as stack:
        engines = [await stack.enter_async_context(opened(empty_database)) for _ in range(8)]
        states = await asyncio.gather(*(Schema(engine).upgrade() for engine in engines))

    assert {state.current for state in states} == {NEWEST}
    assert await tables_of(empty_database) == 17


@pytest.mark.thorough
async def test_eight_providers_at_once_take_turns(empty_database: str) -> None:
    """Providers that open together on an empty database all store and find, vectors included."""
    async with contextlib.AsyncExitStack() as stack:
        providers = [
            await stack.enter_async_context(open_native_provider(empty_database, HashingEmbedder(), timeout=60.0))
            for _ in range(8)  # each waits for all migrations of the one that goes first
        ]
        await asyncio.gather(*(provider.remember(f"user-{n}", "tea") for n, provider in enumerate(providers)))
        answers = [await provider.recall(f"user-{n}", "tea") for n, provider in enumerate(providers)]

    assert [[hit.content for hit in hits] for hits in answers] == [["tea"]] * 8


async def test_the_history_tells_every_revision(database: str) -> None:
    """Each revision has an id and a title."""
    async with opened(database) as engine:
        history = Schema(engine).history()

    assert [(revision.id, bool(revision.title)) for revision in history] == [
        ("0001", True),
        ("0002", True),
        ("0003", True),
        ("0004", True),
        ("0005", True),
        ("0006", True),
        ("0007", True),
        ("0008", True),
        ("0009", True),
        ("0010", True),
        ("0011", True),
        ("0012", True),
        ("0013", True),
        ("0014", True),
        ("0015", True),
        ("0016", True),
        ("0017", True),
        ("0018", True),
        ("0019", True),
        ("0020", True),
        ("0021", True),
        (NEWEST, True),
    ]


async def downgraded(engine: AsyncEngine, schema: Schema, revision: str) -> None:
    """Take back everything after a revision."""

    def downgrade(connection: Connection) -> None:
        schema._config.attributes["connection"] = connection  # noqa: SLF001 - there is no downgrade for users
        command.downgrade(schema._config, revision)  # noqa: SLF001 - as above

    async with engine.connect() as connection:
        await connection.run_sync(downgrade)


async def upgraded(engine: AsyncEngine, schema: Schema, revision: str) -> None:
    """Apply what is missing up to a revision."""

    def upgrade(connection: Connection) -> None:
        schema._config.attributes["connection"] = connection  # noqa: SLF001 - users upgrade to the newest one
        command.upgrade(schema._config, revision)  # noqa: SLF001 - as above

    async with engine.connect() as connection:
        await connection.run_sync(upgrade)


@pytest.mark.thorough
async def test_every_revision_can_be_taken_back(database: str) -> None:
    """The downgrades leave nothing of ours but the extension and the record of versions, and an upgrade works again."""
    async with opened(database) as engine:
        schema = Schema(engine)
        await downgraded(engine, schema, "base")
        async with engine.connect() as connection:
            functions = await connection.scalar(text("SELECT count(*) FROM pg_proc WHERE proname LIKE 'ninai%'"))
            tables = await connection.scalars(text("SELECT relname FROM pg_class WHERE relname LIKE 'ninai%'"))
        assert functions == 0
        assert set(tables) == {"ninai_schema_version", "ninai_schema_version_pkc"}
        assert (await schema.state()).usable is False

        await schema.upgrade()
        assert await tables_of(database) == 17


async def test_a_store_keeps_its_name_and_its_memories(database: str) -> None:
    """What was made before there was a wanted model is the same store afterwards."""
    async with open_native_provider(database, HashingEmbedder()) as provider:
        memory_id, name = await provider.remember("anna", "tea"), await provider.identity()
    async with opened(database) as engine:
        await downgraded(engine, Schema(engine), "0002")

    async with open_native_provider(database, HashingEmbedder()) as provider:
        assert (await provider.get("anna", memory_id)).content == "tea"
        assert await provider.identity() == name


async def test_a_newer_schema_is_lived_with(database: str, newer_migrations: Path) -> None:
    """This version works on the schema of the next one, and does not try to change it."""
    async with opened(database) as engine:
        newer = await Schema(engine, newer_migrations).upgrade()
        state = await Schema(engine).state()
    assert newer.current == NEXT
    assert state == SchemaState(current=NEXT, newest=NEWEST, pending=[])

    async with open_native_provider(database, HashingEmbedder()) as provider:
        memory_id = await provider.remember("anna", "tea")
        await provider.update("anna", memory_id, content="masala tea")
        assert [hit.id for hit in await provider.recall("anna", "masala")] == [memory_id]
        assert await provider.delete("anna", memory_id) is True
        assert (await provider.health_check()).healthy is True
    async with opened(database) as engine:
        assert (await Schema(engine).upgrade()).current == NEXT


async def test_a_migration_under_a_running_provider_disturbs_nothing(database: str, newer_migrations: Path) -> None:
    """While a newer version migrates, the older one goes on with the statements it had prepared."""
    async with open_native_provider(database, HashingEmbedder(), pool_size=2) as provider, opened(database) as engine:
        memory_id = await provider.remember("anna", "tea")
        for _ in range(3):
            await provider.recall("anna", "tea")
        await Schema(engine, newer_migrations).upgrade()

        await provider.update("anna", memory_id, content="masala tea")
        assert (await provider.recall("anna", "masala"))[0].id == memory_id
        assert (await provider.get("anna", memory_id)).content == "masala tea"


async def test_without_leave_to_migrate_the_operator_is_told(empty_database: str) -> None:
    """A provider that must not migrate says what to run, and serves once that was done."""
    async with open_native_provider(empty_database, migrate=False) as provider, opened(empty_database) as engine:
        with pytest.raises(Misconfigured, match=rf"nothing yet.*{NEWEST}.*ninai db upgrade"):
            await provider.list_memories("anna")
        assert await tables_of(empty_database) == 0

        await Schema(engine).upgrade()
        assert await provider.list_memories("anna") == []


async def test_a_role_without_privileges_is_told(empty_database: str, guest: str) -> None:
    """Without the right to make the extension the error quotes PostgreSQL and says what to do."""
    async with connected(empty_database) as connection:
        await connection.execute("GRANT CREATE ON SCHEMA public TO visitor")
    async with open_native_provider(guest) as provider:
        with pytest.raises(Misconfigured, match=r'permission denied to create extension "vector" \(42501\); grant it'):
            await provider.list_memories("anna")
        with pytest.raises(Misconfigured, match="ninai db upgrade"):
            async with opened_schema(guest, pool_size=10, through_pooler=False) as schema:
                await schema.upgrade()


async def test_a_role_that_cannot_make_tables_is_told(empty_database: str, guest: str) -> None:
    """With the extension there, but no right in the schema, the error names the schema."""
    async with connected(empty_database) as connection:
        await connection.execute("CREATE EXTENSION vector")
    async with open_native_provider(guest) as provider:
        with pytest.raises(Misconfigured, match=r"permission denied for schema public \(42501\); grant it"):
            await provider.list_memories("anna")


async def test_a_role_that_may_only_use_the_tables_serves(database: str) -> None:
    """Once the schema is there, the rights to read and write the tables are enough."""
    dsn = make_url(database).set(username="clerk").render_as_string(hide_password=False)
    async with connected(database) as connection:
        await connection.execute("CREATE ROLE clerk LOGIN")
        await connection.execute("GRANT SELECT, INSERT, UPDATE ON ninai_memories TO clerk")
        await connection.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ninai_history TO clerk")
        await connection.execute("GRANT SELECT ON ninai_schema_version, ninai_store TO clerk")
        async with open_native_provider(dsn, HashingEmbedder(), migrate=False) as provider:
            memory_id = await provider.remember("anna", "tea")
            await provider.update("anna", memory_id, content="masala tea")
            assert [hit.id for hit in await provider.recall("anna", "tea")] == [memory_id]
            assert await provider.delete("anna", memory_id) is True
            assert await provider.put_many(await provider.snapshots(Owner("anna"))) == [None]
            assert (await provider.health_check()).healthy is True
            assert await provider.identity()
        await connection.execute("DROP OWNED BY clerk")
        await connection.execute("DROP ROLE clerk")


async def test_an_old_extension_is_told(empty_database: str) -> None:
    """An extension without half-precision vectors is named as what to update."""
    async with connected(empty_database) as connection:
        await connection.execute("CREATE EXTENSION vector")
        await connection.execute("ALTER EXTENSION vector DROP TYPE halfvec")
        await connection.execute("ALTER TYPE halfvec RENAME TO halfvec_of_the_future")
    async with open_native_provider(empty_database) as provider:
        with pytest.raises(Misconfigured, match="ALTER EXTENSION vector UPDATE"):
            await provider.list_memories("anna")


async def test_a_database_that_cannot_hold_every_text_is_told(postgres_server: EmbeddedServer) -> None:
    """Where the first emoji would fail, nothing is stored and nothing made, and the error says what to do."""
    dsn = await create_latin_database(postgres_server)
    told = "encoding is LATIN1, but must be UTF8: create it with ENCODING 'UTF8'"
    async with open_native_provider(dsn) as provider, opened(dsn) as engine:
        with pytest.raises(Misconfigured, match=told):
            await provider.remember("anna", "tea")
        with pytest.raises(Misconfigured, match=told):
            await Schema(engine).upgrade()
        assert await tables_of(dsn) == 0
    await drop_database(postgres_server, dsn)


async def test_a_server_without_the_extension_is_told(database: str) -> None:
    """Where an extension is not installed on the server, the error says what to install."""
    async with opened(database) as engine:
        with pytest.raises(Misconfigured, match=r'"vectors" is not available.*install pgvector'):
            async with translated(TimeLimit(5), PossibleWrites.PERHAPS), engine.connect() as connection:
                await connection.execute(text("CREATE EXTENSION vectors"))


@pytest.mark.thorough
async def test_a_provider_boots_while_the_database_is_down(postgres_major: int) -> None:
    """Opened before its database is up, a provider is unavailable, and serves as soon as it is."""
    with reachable_folder() as folder:
        server = EmbeddedServer(folder / "postgres", wheel_binaries(postgres_major))
        async with open_native_provider(server.dsn, timeout=60.0) as provider:  # a busy machine takes its time
            for _ in range(3):
                with pytest.raises(Unavailable):
                    await provider.remember("anna", "tea")
            assert (await provider.health_check()).healthy is False
            with server.running():
                await provider.remember("anna", "tea")
                assert [memory.content for memory in await provider.list_memories("anna")] == ["tea"]
                assert (await provider.health_check()).healthy is True


async def test_a_table_of_another_is_not_taken_over(empty_database: str) -> None:
    """A table of our name that we did not make is left alone, and the operator told."""
    async with connected(empty_database) as connection:
        await connection.execute("CREATE TABLE ninai_memories (mine text)")
    async with open_native_provider(empty_database) as provider:
        with pytest.raises(Misconfigured, match=r'"ninai_memories" already exists.*database of our own'):
            await provider.list_memories("anna")
    async with connected(empty_database) as connection:
        assert await connection.fetchval("SELECT count(*) FROM ninai_memories") == 0
