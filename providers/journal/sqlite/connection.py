"""A connection to the journal's database, with its clock and its transactions."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from providers.journal.rows import Row
from providers.journal.sqlite.clock import JournalClock
from providers.journal.sqlite.operations_table import OperationsTable
from providers.journal.sqlite.translate import unavailable

Result = TypeVar("Result")
Work = Callable[["JournalConnection"], Result]


class JournalConnection:
    """One database connection, used by one thread at a time.

    `now` returns seconds since 1970 by the `clock`; all ages and due moments are measured by it. The functions in the
    modules beside this one take a connection and run SQL; they know nothing of threads.
    """

    def __init__(
        self, raw: sqlite3.Connection, journal_id: str, operations: OperationsTable, clock: JournalClock
    ) -> None:
        self.raw = raw
        self.journal_id = journal_id
        self.operations = operations
        self.clock = clock
        self.now = clock.now
        self._flushes = True  # as the file is opened

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run a statement and return all of its rows."""
        return self.raw.execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
        """Run a statement and return its first row."""
        found = self.rows(sql, parameters)
        return found[0] if found else None

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run a statement and return the number of rows that it has changed."""
        return self.raw.execute(sql, parameters).rowcount

    def commit(self, works: Sequence[Work[Any]], *, durable: bool = True) -> list[Any]:
        """Run pieces of work in one transaction and return their results; if one fails, all are rolled back.

        What need not be `durable` is in the log at once, where every connection finds it, and is flushed to disk with
        the next transaction that is: the disk takes longer for a flush than the rest of a transaction does.

        Raises:
            JournalUnavailable: the file is locked; or the commit of a single piece of work failed.
            sqlite3.Error: an error that another piece of work in the same transaction may have caused.
        """
        try:
            self._flush(durable)
            self.raw.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise unavailable(error) from error
        try:
            results = [work(self) for work in works]
        except BaseException:
            self._roll_back()
            raise
        try:
            self.raw.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            if len(works) > 1:
                raise
            # The transaction may be in the log although the flush failed, and a recovery after a crash may find it.
            raise unavailable(error, ambiguous=True) from error
        return results

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let several reads see the database at one moment."""
        self.raw.execute("BEGIN")
        try:
            yield
        finally:
            self._roll_back()

    def close(self) -> None:
        """Close the connection; the last one of a file empties its log."""
        self.raw.close()

    def _flush(self, flushes: bool) -> None:  # noqa: FBT001 - the setting itself
        """Let commits flush the log to disk from now on, or not; it is flushed in any case before it is emptied."""
        if flushes != self._flushes:
            self.raw.execute(f"PRAGMA synchronous = {'FULL' if flushes else 'NORMAL'}")
            self._flushes = flushes

    def _roll_back(self) -> None:
        # If SQLite has rolled back by itself, or the disk is gone, nothing is left to undo.
        with suppress(sqlite3.Error):
            self.raw.execute("ROLLBACK")
