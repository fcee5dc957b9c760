"""Every state that an earlier version has written comes out equal, and that version reads what this one writes."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from datetime import UTC
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from providers.journal.base import Journal
from providers.journal.operations import Operation, OperationKind
from providers.journal.sqlite.settings import SqliteJournalSettings
from providers.owners import Owner
from providers.types import Snapshot
from tests.providers.journal import former_rows
from tests.providers.journal.postgres_rig import opened as opened_postgres
from tests.providers.journal.rig import delete, host_in, put, refusal, remember, update
from tests.providers.journal.states import STATES, USER
from tests.providers.states.test_codec import NewerSnapshot
from tests.support.postgres import connected

FORMER = Path(__file__).parent / "former"
TRACES = """
    ALTER TABLE operations ADD COLUMN trace INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX traces_of_user ON operations (user_id, seq) WHERE trace = 1;
"""
POSTGRES_APPEND = """SELECT outcome FROM ninai_journal_append(
    ARRAY[$1], ARRAY[$2], ARRAY[$3], ARRAY[$4]::bigint[], ARRAY[0]::bigint[], ARRAY[$5]::bytea[], ARRAY[$6],
    ARRAY[NULL]::text[], ARRAY[0]::float8[]
)"""


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Journal]:
    """The journal in this file."""
    async with SqliteJournalSettings(path=path).open(host_in(path.parent)) as journal:
        yield journal


@pytest.fixture
def former_file(tmp_path: Path) -> Path:
    """A file that the version before this one has created."""
    path = tmp_path / "journal"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((FORMER / "sqlite.sql").read_text("utf-8") + TRACES)
    return path


def operation(state: Snapshot) -> Operation:
    """The operation that results in a state."""
    kind = OperationKind.UPDATE if state.edits else OperationKind.REMEMBER
    return Operation(kind=OperationKind.DELETE if state.deleted else kind, state=state)


def former_text(state: Snapshot) -> str:
    """The text of a state in PostgreSQL, as the version before has written it."""
    created_at = None if state.created_at is None else state.created_at.astimezone(UTC)
    updated_at = None if state.updated_at is None else state.updated_at.astimezone(UTC)
    return msgspec.json.encode(replace(state, created_at=created_at, updated_at=updated_at)).decode()


async def states_in(journal: Journal) -> list[Snapshot]:
    """What the journal knows of each memory."""
    entries = [await journal.newest(Owner(USER), state.id) for state in STATES]
    return [entry.state for entry in entries if entry is not None]


async def test_states_in_the_columns_of_a_former_file_are_read(former_file: Path) -> None:
    """Each one as it was stored, and judged by as ever."""
    with closing(sqlite3.connect(former_file, isolation_level=None)) as former:
        for state in STATES:
            former_rows.store(former, operation(state))
        async with opened(former_file) as journal:
            assert await states_in(journal) == STATES

            [repeated] = await journal.append([Operation(kind=OperationKind.REMEMBER, state=STATES[0])])
            assert getattr(repeated, "repeated", False)
            former_rows.store(former, remember("late", user=USER))
            entry = await journal.newest(Owner(USER), "late")
            assert entry is not None
            assert entry.state == remember("late", user=USER).state


async def test_a_former_version_reads_what_is_written_to_its_file(former_file: Path) -> None:
    """In its columns, while it has the file open; what is read here is the text beside them."""
    with closing(sqlite3.connect(former_file, isolation_level=None)) as former:
        assert former_rows.stored(former) == {}
        async with opened(former_file) as journal:
            for state in STATES:
                await put(journal, operation(state))

            written = {state.id: (operation(state).kind, state) for state in STATES}
            assert former_rows.stored(former) == written
            assert await states_in(journal) == STATES
            former.execute("UPDATE operations SET content = NULL, metadata = NULL, digest = NULL")
            assert await states_in(journal) == STATES


async def test_a_field_that_a_former_file_has_no_column_for_is_kept(former_file: Path) -> None:
    """It is in the text."""
    newer = NewerSnapshot(user_id=USER, id="m", version=1, content="tea", labels={"a": 1})
    async with opened(former_file) as journal:
        await put(journal, Operation(kind=OperationKind.REMEMBER, state=newer))
    with closing(sqlite3.connect(former_file)) as connection:
        [(text,)] = connection.execute("SELECT state FROM operations")

    assert msgspec.json.decode(text, type=NewerSnapshot) == newer


@pytest.mark.parametrize("change", [lambda: update("m", "coffee", user=USER), lambda: delete("m", user=USER)])
async def test_two_versions_change_one_memory_in_turn(former_file: Path, change: Callable[[], Operation]) -> None:
    """What the former version has stored is replaced here, and nothing of it stays."""
    changed = change()
    with closing(sqlite3.connect(former_file, isolation_level=None)) as former:
        former_rows.store(former, remember("m", "secret", user=USER))
        async with opened(former_file) as journal:
            await put(journal, changed)

            assert former_rows.stored(former) == {"m": (changed.kind, changed.state)}
            assert await refusal(journal, remember("m", "other", user=USER)) is not None


async def test_a_new_file_has_no_former_columns(tmp_path: Path) -> None:
    """A former version, which knows tables of version 1 alone, refuses it instead of reading states without content."""
    path = tmp_path / "journal"
    async with opened(path) as journal:
        for state in STATES:
            await put(journal, operation(state))
        assert await states_in(journal) == STATES
    with closing(sqlite3.connect(path)) as connection:
        columns = {name for _, name, *_ in connection.execute("PRAGMA table_info(operations)")}
        [version] = connection.execute("PRAGMA user_version").fetchone()

    assert columns == {"seq", "user_id", "memory_id", "kind", "version", "appended_at", "trace", "state"}
    assert version > 1


async def test_states_in_former_tables_are_read(database: str) -> None:
    """Each text as the version before has written it, and each text of this version by the decoder of that one."""
    async with connected(database) as former:
        await former.execute((FORMER / "postgres.sql").read_text("utf-8"))
        for state in STATES[::2]:
            kind = operation(state).kind
            values = (kind, USER, state.id, state.version, state.digest, former_text(state))
            assert await former.fetchval(POSTGRES_APPEND, *values) == "appended"
        async with opened_postgres(database) as journal:
            for state in STATES[1::2]:
                await put(journal, operation(state))

            assert await states_in(journal) == STATES
        rows = await former.fetch("SELECT memory_id, state FROM ninai_journal_entries")
        assert {row["memory_id"]: row["state"] for row in rows} == {state.id: former_text(state) for state in STATES}
