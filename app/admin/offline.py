"""The journal of a configuration, opened from outside the service, which may be running or not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.process.host import offline_host
from app.settings import Settings
from providers.journal.base import Journal
from providers.journal.settings import AutoJournalSettings, NoJournalSettings
from providers.journal.sqlite.settings import FILE_NAME, SqliteJournalSettings


class NoJournal(Exception):
    """Say why there is no journal."""


@asynccontextmanager
async def opened_journal(settings: Settings) -> AsyncIterator[Journal]:
    """Hold the configured journal open for as long as the context lasts; a missing one is not created.

    Raises:
        NoJournal: none is configured, or it was never created.
        JournalUnavailable: it cannot be read.
    """
    chosen = settings.journal
    if isinstance(chosen, NoJournalSettings):
        raise NoJournal('there is no journal: journal.kind is "none"')
    if isinstance(chosen, AutoJournalSettings | SqliteJournalSettings):
        given = chosen.path if isinstance(chosen, SqliteJournalSettings) else None
        path = settings.data_dir / FILE_NAME if given is None else given
        if not path.exists():
            raise NoJournal(_why_none(chosen, settings, str(path)))
        chosen = SqliteJournalSettings(path=path)
    host = offline_host("journal", settings.data_dir)
    async with chosen.open(host) as journal:
        yield journal


def _why_none(chosen: AutoJournalSettings | SqliteJournalSettings, settings: Settings, path: str) -> str:
    if isinstance(chosen, AutoJournalSettings) and len(settings.order) == 1:
        return f"there is no journal: a single provider needs none (there is nothing at {path})"
    return f"there is no journal yet: the service makes {path} when it starts"
