"""Opening the journal's file, which is made whole or not at all."""

import os
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from uuid import uuid4

from providers.journal.base import JournalUnavailable
from providers.journal.sqlite.journal import SqliteJournal
from providers.journal.sqlite.ledger import Ledger
from providers.journal.sqlite.running import threaded
from providers.journal.sqlite.schema import create, recognise, upgrade
from providers.journal.sqlite.translate import unavailable

Now = Callable[[], float]

# A process waits so long for the others of its host, whose transactions take milliseconds, on a busy one perhaps a
# second. Less than a write has, so that its caller gets this reason and not only a timeout.
BUSY_SECONDS = 5.0

_LOG_BYTES = 64 * 1024 * 1024  # of the log that are kept on disk after a burst
_CACHE_KIB = 16 * 1024


@asynccontextmanager
async def open_journal(path: Path, now: Now) -> AsyncIterator[SqliteJournal]:
    """Hold a journal on a file for as long as the context lasts; the file is made if there is none.

    Raises:
        JournalUnavailable: it cannot be made, read or written, or is something else.
    """
    async with (
        threaded("journal-writer", lambda: open_file(path, now)) as writer,
        threaded("journal-reader", lambda: open_file(path, now, reads_only=True)) as reader,
    ):
        journal = SqliteJournal(await writer.run(lambda ledger: ledger.journal_id), writer, reader)
        try:
            yield journal
        finally:
            await journal.close()


def open_memory(now: Now) -> Ledger:
    """Make a ledger in memory, which ends with its connection."""
    connection = _connect(":memory:")
    create(connection)
    return Ledger(connection, recognise(connection), now)


def open_file(path: Path, now: Now, *, reads_only: bool = False) -> Ledger:
    """Open a ledger on a file, which is made if there is none.

    Raises:
        JournalUnavailable: it cannot be made, read or written, or is something else.
    """
    try:
        if not path.exists():
            _make(path)
        return _open(path, now, reads_only=reads_only)
    except OSError as error:
        raise JournalUnavailable(f"journal {path}: {error.strerror}") from error
    except sqlite3.Error as error:
        raise JournalUnavailable(f"{unavailable(error).reason}: {path}") from error


def _open(path: Path, now: Now, *, reads_only: bool) -> Ledger:
    connection = _connect(str(path))
    try:
        try:
            journal_id = recognise(connection)
        except JournalUnavailable as error:
            raise JournalUnavailable(f"journal {path}: {error.reason}") from error
        upgrade(connection)
        if reads_only:
            connection.execute("PRAGMA query_only = ON")
        else:
            # Better to hear now than with the first memory that it cannot be written.
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    except BaseException:
        connection.close()
        raise
    return Ledger(connection, journal_id, now)


def _connect(name: str) -> sqlite3.Connection:
    # Closed by another thread than its own only if it could not be opened, and never used by two at a time.
    connection = sqlite3.connect(name, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = FULL")
    # What is deleted is overwritten; yet a row that once moved to another page may have left a copy in unused space.
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    return connection


def _make(path: Path) -> None:
    """Make the file under another name, and give it its own when it is complete.

    So neither a crash nor two processes at once can leave half a journal; who comes second finds that of the first.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{uuid4()}")
    file = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)  # its log and index get the same mode
    try:
        with closing(_connect(str(draft))) as connection:
            # Only then, since a log that does not get into the file when it is closed is no error, but a loss.
            create(connection)
            [mode] = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise JournalUnavailable(f"journal {path}: the file system has no shared memory for a write-ahead log")
        os.fsync(file)
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        os.close(file)
        for suffix in ("", "-journal", "-wal", "-shm"):
            draft.with_name(draft.name + suffix).unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
