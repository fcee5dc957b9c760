"""The settings of the journal in a file, and its opening."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec import Struct

from providers.journal.base import Journal
from providers.types import Host

FILE_NAME = "journal.sqlite3"


class SqliteJournalSettings(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="sqlite"
):
    """A SQLite file for all processes of one host, never on a network drive, whose locks cannot be trusted.

    Without a `path` it is `journal.sqlite3` in the data folder.
    """

    path: Path | None = None

    @asynccontextmanager
    async def open(self, host: Host) -> AsyncIterator[Journal]:
        """Hold the journal open for as long as the context lasts.

        Raises:
            JournalUnavailable: the file cannot be created, read or written, or is no journal.
        """
        from providers.journal.sqlite.opening import open_journal

        path = host.data_dir / FILE_NAME if self.path is None else self.path
        async with open_journal(path, time.time) as journal:
            yield journal
