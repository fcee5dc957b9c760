"""The headline of the console: the effect on callers in one sentence."""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from app.console.callers_view import CallersView
from app.console.wording import counted, duration
from observability.callers import Ends
from providers.chain.breaker_state import BreakerState
from providers.chain.status import ChainStatus, Explanation

ALL_IS_WELL = "All is well"
ATTENTION = "Attention needed"
_BEHIND_SECONDS = 60.0  # from which what waits for a healthy provider is worth a word
_LEFT_ALONE = frozenset({BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.FORCED_OPEN})


class Situation(Struct, frozen=True, kw_only=True):
    """Hold what the headline is made of; `reading` is the route of a recall now.

    `journalled` is whether there is a journal, and `full` the disk that takes nothing more.
    """

    status: ChainStatus
    reading: Explanation
    callers: CallersView
    journalled: bool
    full: str | None


def headline(situation: Situation, troubles: Sequence[str]) -> str:
    """Describe the effect on callers; with none, whether something else needs attention."""
    effects = [*_failing(situation.callers), *_reads(situation), *_writes(situation), *_waiting(situation.status)]
    if not effects:
        return ATTENTION if troubles else ALL_IS_WELL
    sentence = ", ".join(effects)
    return sentence[0].upper() + sentence[1:]


def _failing(callers: CallersView) -> Iterator[str]:
    """Describe who got nothing: within the last minute, or else since when nobody has."""
    now = [
        f"{ends.unanswered:,} of {counted(ends.requests, one, f'{one}s')}"
        for ends, one in ((callers.reads, "read"), (callers.writes, "write"))
        if ends.unanswered
    ]
    if now:
        yield f"{' and '.join(now)} failed in the last minute"
    elif callers.whole.unanswered:
        yield f"{_requests(callers.whole)} failed, the last {duration(callers.failed_ago)} ago"


def _requests(ends: Ends) -> str:
    return counted(ends.unanswered, "request", "requests")


def _reads(situation: Situation) -> Iterator[str]:
    asked = next((choice.provider for choice in situation.reading.choices if choice.asked), None)
    if asked is None:
        yield "reads fail"
    elif asked != situation.status.order[0]:
        yield f"reads come from {asked}"


def _writes(situation: Situation) -> Iterator[str]:
    status = situation.status
    home = next((one for one in status.providers if one.name == status.home), None)
    away = home is None or home.breaker.state in _LEFT_ALONE
    if situation.full is not None:
        yield "writes fail: the disk is full"
    elif status.journal_error is not None:
        yield "no write is accepted"
    elif away:
        yield "writes are accepted" if situation.journalled else "writes fail"


def _waiting(status: ChainStatus) -> Iterator[str]:
    for provider in status.providers:
        late = provider.oldest_pending_seconds > _BEHIND_SECONDS or provider.breaker.state in _LEFT_ALONE
        if provider.pending and late:
            yield f"{provider.pending:,} {'waits' if provider.pending == 1 else 'wait'} for {provider.name}"
