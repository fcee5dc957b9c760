"""A connection to the journal's database with the clock it goes by, and the transactions on it."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from providers.journal.sqlite.rows import Row
from providers.journal.sqlite.translate import unavailable

Result = TypeVar("Result")
Work = Callable[["Ledger"], Result]


class Ledger:
    """One database connection, used by one thread at a time.

    `now` gives seconds since 1970; every age and every due moment is measured by it. The functions beside this class
    take a ledger, do nothing but SQL, and are told nothing of threads.
    """

    def __init__(self, connection: sqlite3.Connection, journal_id: str, now: Callable[[], float]) -> None:
        self.connection = connection
        self.journal_id = journal_id
        self.now = now

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run a statement and give all of its rows."""
        return self.connection.execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
        """Run a statement and give its first row."""
        found = self.rows(sql, parameters)
        return found[0] if found else None

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run a statement and give the number of rows that it has changed."""
        return self.connection.execute(sql, parameters).rowcount

    def commit(self, works: Sequence[Work[Any]]) -> list[Any]:
        """Do pieces of work in one transaction, and give their results; if one fails, nothing has happened.

        Raises:
            JournalUnavailable: the file is locked; or the commit of a single piece of work failed.
            sqlite3.Error: something that a piece of work may owe to its company.
        """
        try:
            self.connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise unavailable(error) from error
        try:
            results = [work(self) for work in works]
        except BaseException:
            self._roll_back()
            raise
        try:
            self.connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            if len(works) > 1:
                raise
            # Its frames may be in the log although the flush failed; whoever recovers after a crash may find them.
            raise unavailable(error, ambiguous=True) from error
        return results

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Have several reads see the same moment."""
        self.connection.execute("BEGIN")
        try:
            yield
        finally:
            self._roll_back()

    def close(self) -> None:
        """Close the connection; the last one of a file empties its log."""
        self.connection.close()

    def _roll_back(self) -> None:
        # Where SQLite has rolled back by itself, or the disk is gone, there is nothing left to undo.
        with suppress(sqlite3.Error):
            self.connection.execute("ROLLBACK")
