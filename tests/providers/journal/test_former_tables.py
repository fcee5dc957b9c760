"""A journal that an earlier version has created is opened as any other, and that version goes on with it."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from providers.errors import MemoryDeleted
from providers.journal.base import Journal
from providers.journal.operations import Appended
from providers.journal.sqlite.opening import open_file
from providers.journal.sqlite.settings import SqliteJournalSettings
from providers.owners import Owner
from providers.states.codec import encode
from tests.providers.journal.postgres_rig import opened as opened_postgres
from tests.providers.journal.rig import USER, confirm, delete, due, host_in, put, refusal, remember
from tests.support.postgres import connected

FORMER = Path(__file__).parent / "former"

# As that version puts them into the file, and calls its function.
SQLITE_INSERT = """INSERT INTO operations
    (user_id, memory_id, kind, version, appended_at, created_at, updated_at, digest, edits, metadata, content)
    VALUES (?, ?, ?, 1, 0, 0, NULL, X'00', NULL, NULL, ?)"""
POSTGRES_APPEND = """SELECT outcome, known_kind FROM ninai_journal_append(
    ARRAY[$1], ARRAY[$2], ARRAY[$3], ARRAY[1]::bigint[], ARRAY[0]::bigint[], ARRAY['']::bytea[], ARRAY[$4],
    ARRAY[NULL]::text[], ARRAY[0]::float8[]
)"""


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Journal]:
    """Hold the journal in this file."""
    async with SqliteJournalSettings(path=path).open(host_in(path.parent)) as journal:
        yield journal


def a_former_file(path: Path) -> None:
    """Create a journal with one member, a memory that it has not confirmed, and a tombstone that it has."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript((FORMER / "sqlite.sql").read_text("utf-8"))
        connection.execute("INSERT INTO members (name, identity, state, joined_at) VALUES ('home', 'x', 'complete', 0)")
        connection.execute(SQLITE_INSERT, (USER, "live", "remember", "tea"))
        connection.execute(SQLITE_INSERT, (USER, "dead", "delete", None))
        sql = "INSERT INTO deliveries (user_id, seq, provider, due_at, made_at) VALUES (?, 1, 'home', 0, 0)"
        connection.execute(sql, (USER,))


async def use(journal: Journal) -> None:
    """Use what that version did not have."""
    [answer] = await journal.append([replace(delete("never"), trace=True)])
    assert isinstance(answer, Appended)
    assert answer.entry.pending == frozenset()
    await put(journal, remember("new"))
    await journal.forget([answer.entry.seq], traces=True)
    assert await journal.newest(Owner(USER), "never") is None


async def test_a_former_file_is_opened(tmp_path: Path) -> None:
    """The file is opened with everything in it, by many at once, and again."""
    path = tmp_path / "journal"
    a_former_file(path)

    async with AsyncExitStack() as stack:
        journal, *_ = await asyncio.gather(*[stack.enter_async_context(opened(path)) for _ in range(4)])
        assert journal.id == "6b5f8c0e-2a8d-4d0f-9d63-0f6a3a1b7c42"
        assert [member.name for member in await journal.members()] == ["home"]
        assert await due(journal, "home") == [1]
        assert [entry.state.id for entry in await journal.tombstones(10, 0)] == ["dead"]
        await use(journal)
    async with opened(path) as again:
        assert await again.newest(Owner(USER), "new") is not None


def test_a_former_file_is_read_before_anybody_writes(tmp_path: Path) -> None:
    """A connection that only reads needs the same columns."""
    path = tmp_path / "journal"
    a_former_file(path)

    connection = open_file(path, lambda: 0.0, reads_only=True)

    assert connection.rows("SELECT memory_id FROM operations WHERE trace = 1") == []
    connection.close()


async def test_a_former_version_goes_on_with_the_file(tmp_path: Path) -> None:
    """A version that had the file open before meets a trace as a tombstone, and appends as ever."""
    path = tmp_path / "journal"
    a_former_file(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as former:
        former.execute("SELECT count(*) FROM operations").fetchone()
        async with opened(path) as journal:
            await journal.append([replace(delete("never"), trace=True)])

            former.execute(SQLITE_INSERT, (USER, "more", "remember", "tea"))
            sql = "SELECT kind, version FROM operations WHERE memory_id = 'never'"
            assert former.execute(sql).fetchone() == ("delete", 3)
            assert await journal.newest(Owner(USER), "more") is not None
        assert former.execute("PRAGMA user_version").fetchone() == (1,)


async def test_former_tables_are_opened(database: str) -> None:
    """The tables are opened with everything in them, by many hosts at once, and again."""
    live, dead = remember("live"), delete("dead")
    async with connected(database) as former:
        await former.execute((FORMER / "postgres.sql").read_text("utf-8"))
        await former.execute(
            "INSERT INTO ninai_journal_members (name, place, identity, state) VALUES ('home', 1, 'x', 'complete')"
        )
        for one in (live, dead):
            await former.fetchrow(POSTGRES_APPEND, one.kind, USER, one.state.id, encode(one.state))

    async with AsyncExitStack() as stack:
        journal, *_ = await asyncio.gather(*[stack.enter_async_context(opened_postgres(database)) for _ in range(4)])
        assert [member.name for member in await journal.members()] == ["home"]
        assert await due(journal, "home") == [1, 2]
        tombstone = await journal.newest(Owner(USER), "dead")
        assert tombstone is not None
        await confirm(journal, tombstone)
        assert [entry.state for entry in await journal.tombstones(10, 0)] == [dead.state]
        await use(journal)
    async with opened_postgres(database) as again:
        assert await again.newest(Owner(USER), "new") is not None


@pytest.mark.parametrize(
    ("script", "function"),
    [("postgres.sql", "append"), ("postgres_leases.sql", "append"), ("postgres_leases.sql", "append_lent")],
)
async def test_a_former_version_goes_on_with_the_tables(database: str, script: str, function: str) -> None:
    """Its calls find the function that they know, which meets a trace as a tombstone."""
    append = POSTGRES_APPEND.replace("ninai_journal_append(", f"ninai_journal_{function}(")
    async with connected(database) as former:
        await former.execute((FORMER / script).read_text("utf-8"))
        stored = remember("more")
        await former.fetchrow(append, "remember", USER, "more", encode(stored.state))
        async with opened_postgres(database) as journal:
            await journal.append([replace(delete("never"), trace=True)])

            answers = [
                tuple(await former.fetchrow(append, kind, USER, memory_id, encode(stored.state)))
                for kind, memory_id in (("remember", "never"), ("delete", "never"), ("remember", "another"))
            ]

            assert answers == [("deleted", None), ("repeated", "delete"), ("appended", "remember")]
            assert await journal.newest(Owner(USER), "another") is not None
            assert await refusal(journal, remember("never")) is MemoryDeleted
        assert await former.fetchval("SELECT version FROM ninai_journal") == 1
