"""The settings of every kind of journal, as one tagged union."""

from collections.abc import Sequence
from pathlib import Path

from providers.examination.check import DATA_DIR, Check, JournalSubject
from providers.journal.kind import JournalKind
from providers.journal.postgres.settings import PostgresJournalSettings
from providers.journal.sqlite.settings import SqliteJournalSettings


class AutoJournalSettings(JournalKind, frozen=True, kw_only=True, tag_field="kind", tag="auto"):
    """A SQLite file in the data folder for several providers, no journal for a single one. Choose it on one host.

    A journal that was once begun goes on: it knows what that provider has not received.
    """

    def resolved(self) -> JournalKind:
        """See `JournalKind`."""
        return SqliteJournalSettings()

    def always(self, data_dir: Path) -> bool:
        """See `JournalKind`."""
        return self.begun(data_dir) is not None

    def begun(self, data_dir: Path) -> Path | None:
        """See `JournalKind`."""
        file = SqliteJournalSettings().file_in(data_dir)
        return file if file.exists() else None

    def missing(self, data_dir: Path, *, alone: bool) -> str | None:
        """See `JournalKind`."""
        reason = SqliteJournalSettings().missing(data_dir, alone=alone)
        if reason is None or not alone:
            return reason
        file = SqliteJournalSettings().file_in(data_dir)
        return f"there is no journal: a single provider needs none (there is nothing at {file})"

    def checks(self, subject: JournalSubject) -> Sequence[Check]:
        """See `JournalKind`."""
        return self.contents_checks(subject, (DATA_DIR,))


class NoJournalSettings(JournalKind, frozen=True, kw_only=True, tag_field="kind", tag="none"):
    """No journal: while the single provider is down, the service is. Choose it for a single, fast provider."""

    @property
    def serves_several(self) -> bool:
        """See `JournalKind`."""
        return False

    def resolved(self) -> None:
        """See `JournalKind`."""

    def always(self, data_dir: Path) -> bool:  # noqa: ARG002 - the shape they share
        """See `JournalKind`."""
        return False

    def missing(self, data_dir: Path, *, alone: bool) -> str:  # noqa: ARG002 - the shape they share
        """See `JournalKind`."""
        return 'there is no journal: journal.kind is "none"'


JournalSettings = AutoJournalSettings | NoJournalSettings | SqliteJournalSettings | PostgresJournalSettings
