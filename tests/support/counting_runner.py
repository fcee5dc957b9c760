"""A runner of a journal's work that counts transactions, and tells those that are flushed to disk from the others."""

from typing import TypeVar

from providers.journal.sqlite.connection import JournalConnection, Work
from providers.journal.sqlite.running import Runner

Result = TypeVar("Result")

_FULL = 2  # how SQLite numbers `PRAGMA synchronous = FULL`


class CountingRunner(Runner):
    """Run work in the caller's thread; what changes nothing is a look."""

    def __init__(self, connection: JournalConnection) -> None:
        self._connection = connection
        self.flushed = 0
        self.unflushed = 0
        self.looks = 0

    async def run(self, work: Work[Result]) -> Result:
        """Run it at once, and count it."""
        raw = self._connection.raw
        before = raw.total_changes
        result = work(self._connection)
        if raw.total_changes == before:
            self.looks += 1
        elif raw.execute("PRAGMA synchronous").fetchone() == (_FULL,):
            self.flushed += 1
        else:
            self.unflushed += 1
        return result
