"""Opening the journal's file, which is created completely or not at all."""

import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from functools import cache
from pathlib import Path
from uuid import uuid4

import structlog

from providers.journal.base import JournalUnavailable
from providers.journal.sqlite.clock import RUNNING_TIME, JournalClock, Now, RunningTime, clock_in
from providers.journal.sqlite.connection import JournalConnection
from providers.journal.sqlite.former import define_conversion, former_columns
from providers.journal.sqlite.journal import SqliteJournal
from providers.journal.sqlite.operations_table import OperationsTable
from providers.journal.sqlite.place import FilePlace
from providers.journal.sqlite.running import threaded
from providers.journal.sqlite.schema import create, recognise, rename
from providers.journal.sqlite.steps import upgrade
from providers.journal.sqlite.translate import unavailable

# The time for which a process waits for the others of its host, whose transactions take milliseconds, on a busy host
# perhaps a second. It is shorter than a write's deadline, so that the caller gets this reason and not only a timeout.
BUSY_SECONDS = 5.0

_LOG_BYTES = 64 * 1024 * 1024  # the size to which the log shrinks after a burst
_CACHE_KIB = 16 * 1024

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def open_journal(path: Path, now: Now, running: RunningTime = RUNNING_TIME) -> AsyncIterator[SqliteJournal]:
    """Hold a journal on a file for as long as the context lasts; create the file if it does not exist.

    `now` is the clock on the wall, in seconds since 1970.

    Raises:
        JournalUnavailable: the file cannot be created, read or written, or is no journal.
    """
    async with (
        threaded("journal-writer", lambda: open_file(path, now, running)) as writer,
        threaded("journal-reader", lambda: open_file(path, now, running, reads_only=True)) as reader,
    ):
        journal_id = await writer.run(lambda connection: connection.journal_id)
        journal = SqliteJournal(journal_id, writer, reader, FilePlace(path))
        try:
            yield journal
        finally:
            await journal.close()


@asynccontextmanager
async def open_draft(path: Path, now: Now) -> AsyncIterator[SqliteJournal]:
    """Hold a new journal beside the place of one that is to be made there, for as long as the context lasts.

    Whoever is to put a former journal back finds nothing in its place, and no process can begin with the draft.

    Raises:
        JournalUnavailable: the file could not be created, read or written.
    """
    draft = _draft_of(path)
    try:
        async with open_journal(draft, now) as journal:
            yield journal
    except JournalUnavailable as error:
        raise JournalUnavailable(error.reason.replace(str(draft), str(path))) from error
    finally:
        with suppress(NotADirectoryError):  # where the folder is a file, nothing was made
            _remove(draft)


def open_memory(now: Now) -> JournalConnection:
    """Create a journal in memory, which ends with its connection."""
    raw = _connect(":memory:")
    _new_database().backup(raw)
    rename(raw)
    return JournalConnection(raw, recognise(raw), OperationsTable(), JournalClock(now))


def open_file(
    path: Path, now: Now, running: RunningTime = RUNNING_TIME, *, reads_only: bool = False
) -> JournalConnection:
    """Open a connection to a file, which is created if it does not exist; see `open_journal` for what is raised."""
    try:
        if not path.exists():
            _create_file(path)
        return _open(path, now, running, reads_only=reads_only)
    except OSError as error:
        raise JournalUnavailable(f"journal {path}: {error.strerror}") from error
    except sqlite3.Error as error:
        raise JournalUnavailable(f"{unavailable(error).reason}: {path}") from error


@cache
def _new_database() -> sqlite3.Connection:
    """Return a database in memory in which nothing is but the tables, to be copied."""
    raw = _connect(":memory:")
    create(raw)
    return raw


def _open(path: Path, now: Now, running: RunningTime, *, reads_only: bool) -> JournalConnection:
    raw = _connect(str(path))
    try:
        try:
            journal_id = recognise(raw)
        except JournalUnavailable as error:
            raise JournalUnavailable(f"journal {path}: {error.reason}") from error
        taken = upgrade(raw)
        if taken:
            _log.info("journal_upgraded", kind="sqlite", steps=taken)
        clock = clock_in(raw, now, running)
        former = former_columns(raw)
        define_conversion(raw, former)
        if reads_only:
            raw.execute("PRAGMA query_only = ON")
        else:
            # A file that cannot be written is reported now, and not with the first memory.
            raw.execute("BEGIN IMMEDIATE")
            raw.execute("ROLLBACK")
    except BaseException:
        raw.close()
        raise
    return JournalConnection(raw, journal_id, OperationsTable(former), clock)


def _connect(name: str) -> sqlite3.Connection:
    # Another thread closes the connection only if opening fails, and no two threads use it at the same time.
    connection = sqlite3.connect(name, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = FULL")
    # Deleted rows are overwritten; yet a row that once moved to another page may have left a copy in unused space.
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    return connection


def _create_file(path: Path) -> None:
    """Create the file under a temporary name, and link it to its own when it is complete.

    So neither a crash nor two processes at once can leave half a journal; the second process uses the first one's file.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = _draft_of(path)
    file = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)  # its log and index get the same mode
    try:
        with closing(_connect(str(draft))) as connection:
            # The log mode comes last: a log that is not written back at closing would be a loss without an error.
            create(connection)
            [mode] = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise JournalUnavailable(f"journal {path}: the file system has no shared memory for a write-ahead log")
        os.fsync(file)
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        os.close(file)
        _remove(draft)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _draft_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.{uuid4()}")


def _remove(draft: Path) -> None:
    for suffix in ("", "-journal", "-wal", "-shm"):
        draft.with_name(draft.name + suffix).unlink(missing_ok=True)
