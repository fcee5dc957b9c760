"""The choice of the journal from the settings."""

from app.settings.model import Settings
from providers.journal.postgres.settings import PostgresJournalSettings
from providers.journal.settings import AutoJournalSettings, NoJournalSettings
from providers.journal.sqlite.settings import FILE_NAME, SqliteJournalSettings


def journal_of(settings: Settings) -> SqliteJournalSettings | PostgresJournalSettings | None:
    """Return the journal for several providers, None if there is none."""
    journal = settings.journal
    if isinstance(journal, NoJournalSettings):
        return None
    return SqliteJournalSettings() if isinstance(journal, AutoJournalSettings) else journal


def always_journalled(settings: Settings) -> bool:
    """Return whether a single provider has a journal as well.

    Left to itself, a journal that once exists stays in use: it knows what that provider has not received.
    """
    if isinstance(settings.journal, AutoJournalSettings):
        return (settings.data_dir / FILE_NAME).exists()
    return not isinstance(settings.journal, NoJournalSettings)
