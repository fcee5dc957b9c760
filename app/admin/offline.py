"""The journal of a configuration, opened from outside the service, which may be running or not."""

from contextlib import AbstractAsyncContextManager

from app.process.host import offline_host
from app.settings import Settings
from providers.journal.base import Journal


def opened_journal(settings: Settings) -> AbstractAsyncContextManager[Journal]:
    """Hold the configured journal open for as long as the context lasts; a missing one is not created.

    Raises:
        NoJournal: none is configured, or it was never created.
        JournalUnavailable: it cannot be read.
    """
    host = offline_host("journal", settings.data_dir)
    return settings.journal.opened_to_look(host, alone=len(settings.order) == 1)
