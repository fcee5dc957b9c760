"""The journal as the console shows it."""

import time

from msgspec import Struct

from app.admin.journal_service import JournalService
from app.http.schemas import DeadLettersResponse
from app.settings import Settings
from app.settings.annotations import tag_of
from providers.chain.status import ChainStatus
from providers.journal.base import JournalUnavailable
from providers.journal.operations import JournalStatus

LETTERS = 20  # on the page; the command line lists them all


class JournalView(Struct, frozen=True, kw_only=True):
    """Show a journal; `error` says why it cannot be read, None while it is up; `now` is seconds since 1970."""

    kind: str
    error: str | None
    status: JournalStatus | None = None
    letters: DeadLettersResponse | None = None
    now: float = 0.0


async def journal_view(status: ChainStatus, service: JournalService, settings: Settings) -> JournalView | None:
    """Show the journal, None where there is none."""
    chosen = settings.journal.resolved()
    if service.journal is None or chosen is None:
        return None
    kind = str(tag_of(type(chosen)))
    if status.journal is None:
        return JournalView(kind=kind, error=status.journal_error)
    try:
        letters = await service.dead(LETTERS, 0)
    except JournalUnavailable as error:
        return JournalView(kind=kind, error=error.reason)
    return JournalView(kind=kind, error=None, status=status.journal, letters=letters, now=time.time())
