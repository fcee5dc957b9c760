"""The settings of the journal in a file, and its opening."""

import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from providers.examination.check import DATA_DIR, Check, JournalSubject
from providers.host import Host
from providers.journal.base import Journal
from providers.journal.kind import JournalKind

FILE_NAME = "journal.sqlite3"


class SqliteJournalSettings(JournalKind, frozen=True, kw_only=True, tag_field="kind", tag="sqlite"):
    """A SQLite file for all processes of one host, never on a network drive, whose locks cannot be trusted.

    Choose it for a single provider whose outages writes should outlive.
    """

    path: Path | None = None
    """The file of the journal, by default `journal.sqlite3` in the data folder. Change it to keep the journal on a
    faster disk of this host, never on a network drive.
    """

    def file_in(self, data_dir: Path) -> Path:
        """Return the file, with this data folder."""
        return data_dir / FILE_NAME if self.path is None else self.path

    def missing(self, data_dir: Path, *, alone: bool) -> str | None:  # noqa: ARG002 - the shape they share
        """See `JournalKind`."""
        file = self.file_in(data_dir)
        return None if file.exists() else f"there is no journal yet: the service makes {file} when it starts"

    def left_open(self, data_dir: Path) -> str | None:
        """See `JournalKind`."""
        from providers.journal.sqlite.holders import lost_with

        file = self.file_in(data_dir)
        processes = ", ".join(map(str, lost_with(file)))
        if not processes:
            return None
        former = f"a journal that was {file}, which nobody will find again"
        return f"process {processes} still works with {former}: stop it first"

    def checks(self, subject: JournalSubject) -> Sequence[Check]:
        """See `JournalKind`."""
        return self.contents_checks(subject, (DATA_DIR,) if self.path is None else ())

    def open_on_trial(self, host: Host) -> AbstractAsyncContextManager[Journal]:
        """See `JournalKind`."""
        from providers.journal.sqlite.opening import open_draft

        file = self.file_in(host.data_dir)
        return self.open(host) if file.exists() else open_draft(file, time.time)

    def open(self, host: Host) -> AbstractAsyncContextManager[Journal]:
        """See `open_journal`."""
        from providers.journal.sqlite.opening import open_journal

        return open_journal(self.file_in(host.data_dir), time.time)
