"""The journal as the console shows it."""

import time

from msgspec import Struct

from app.admin.journal_service import JournalService
from app.console.wording import duration
from app.settings import Settings
from app.settings.annotations import tag_of
from providers.chain.status import ChainStatus
from providers.journal.base import JournalUnavailable
from providers.journal.operations import Backlog, DeadLetter

LETTERS = 20  # on the page; the command line lists them all


class BacklogView(Struct, frozen=True):
    """Show what one member has not confirmed."""

    provider: str
    pending: str
    oldest: str | None
    dead: str


class LetterView(Struct, frozen=True):
    """Show a dead letter, without the user, the memory and its text; `reason` is a class of errors."""

    seq: str
    provider: str
    kind: str
    reason: str
    age: str
    failures: str


class JournalView(Struct, frozen=True, kw_only=True):
    """Show a journal; `error` says why it cannot be read, None while it is up."""

    kind: str
    error: str | None
    operations: str = ""
    tombstones: str = ""
    last_seq: str = ""
    backlogs: tuple[BacklogView, ...] = ()
    letters: tuple[LetterView, ...] = ()
    more_letters: bool = False


async def journal_view(status: ChainStatus, service: JournalService, settings: Settings) -> JournalView | None:
    """Show the journal, None where there is none."""
    chosen = settings.journal.resolved()
    if service.journal is None or chosen is None:
        return None
    kind = str(tag_of(type(chosen)))
    if status.journal is None:
        return JournalView(kind=kind, error=status.journal_error)
    try:
        dead = await service.dead(LETTERS, 0)
    except JournalUnavailable as error:
        return JournalView(kind=kind, error=error.reason)
    now = time.time()
    return JournalView(
        kind=kind,
        error=None,
        operations=f"{status.journal.operations:,}",
        tombstones=f"{status.journal.tombstones:,}",
        last_seq=f"{status.journal.last_seq:,}",
        backlogs=tuple(_backlog(one) for one in status.journal.backlogs),
        letters=tuple(_letter(one, now) for one in dead.dead),
        more_letters=dead.next_after is not None,
    )


def _backlog(backlog: Backlog) -> BacklogView:
    oldest = duration(backlog.oldest_seconds) if backlog.pending else None
    return BacklogView(backlog.provider, f"{backlog.pending:,}", oldest, f"{backlog.dead:,}")


def _letter(letter: DeadLetter, now: float) -> LetterView:
    return LetterView(
        seq=str(letter.seq),
        provider=letter.provider,
        kind=letter.kind.value,
        # The words after the class may be a provider's own, and quote its input.
        reason=letter.error.partition(":")[0],
        age=duration(now - letter.failed_at),
        failures=f"{letter.failures:,}",
    )
