"""The lines of the story: each event with its level and its fields, and moments as dates."""

import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import structlog

from observability import tracing
from observability.logs import timestamp
from providers.chain.reporting.serving import Serving

# A moment keeps the date it was first given, so that one search finds all lines about it. What the clocks differ by is
# read anew each time and moves by microseconds; by more than this the wall clock was set, and the date is a new one.
SAME_DATE_SECONDS = 1.0
MOST_DATES = 256

Given = ParamSpec("Given")

_log = structlog.get_logger(__name__)


def _outside_request(write: Callable[Given, None]) -> Callable[Given, None]:
    """Make a line of no request: the one that has brought something to light has nothing to do with it."""

    @wraps(write)
    def detached(*given: Given.args, **named: Given.kwargs) -> None:
        tracing.detached().run(write, *given, **named)

    return detached


class LogEvents:
    """Write them; moments are seconds of `now`, and come out as dates of `wall`, which is seconds since 1970."""

    def __init__(self, now: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self.now = now
        self._wall = wall
        self._dates: dict[float, float] = {}

    @_outside_request
    def provider_not_reached(self, provider: str, reason: str, serving: Serving) -> None:
        """It takes part from now on, but has not answered yet."""
        _log.warning("provider_not_reached", provider=provider, reason=reason, **_served(serving))

    @_outside_request
    def provider_lost(self, provider: str, reason: str, since: float, changes: int, serving: Serving) -> None:
        """It does not answer any more."""
        _log.warning(
            "provider_lost",
            provider=provider,
            reason=reason,
            **_span(self._date(since), self.now() - since),
            **_often(changes),
            **_served(serving),
        )

    @_outside_request
    def provider_answers_again(self, provider: str, since: float, changes: int, serving: Serving) -> None:
        """It does; `since` is when it was lost."""
        _log.info(
            "provider_answers_again",
            provider=provider,
            **_span(self._date(since), self.now() - since),
            **_often(changes),
            **_served(serving),
        )

    @_outside_request
    def breaker_opened(self, provider: str, reason: str, since: float, openings: int, serving: Serving) -> None:
        """The provider is left alone; `since` is when it was well last, as far as its breaker knows."""
        _log.warning(
            "breaker_opened",
            provider=provider,
            reason=reason,
            openings=openings,
            **_span(self._date(since), self.now() - since),
            **_served(serving),
        )

    @_outside_request
    def breaker_half_open(self, provider: str, reason: str, since: float, openings: int) -> None:
        """One call at a time may try; `since` is when it opened first."""
        _log.info(
            "breaker_half_open",
            provider=provider,
            reason=reason,
            openings=openings,
            **_span(self._date(since), self.now() - since),
        )

    @_outside_request
    def breaker_closed(self, provider: str, reason: str, since: float, openings: int, serving: Serving) -> None:
        """The provider is asked as ever; `since` is when it opened first."""
        _log.info(
            "breaker_closed",
            provider=provider,
            reason=reason,
            openings=openings,
            **_span(self._date(since), self.now() - since),
            **_served(serving),
        )

    @_outside_request
    def reads_moved(self, provider: str, instead_of: str, reason: str, since: float, changes: int) -> None:
        """Another provider than home answers them."""
        _log.warning(
            "reads_moved",
            provider=provider,
            instead_of=instead_of,
            reason=reason,
            **_span(self._date(since), self.now() - since),
            **_often(changes),
        )

    @_outside_request
    def reads_moved_back(self, provider: str, instead_of: str, reason: str, since: float, changes: int) -> None:
        """Home answers them; `since` is when they moved away."""
        _log.info(
            "reads_moved_back",
            provider=provider,
            instead_of=instead_of,
            reason=reason,
            **_span(self._date(since), self.now() - since),
            **_often(changes),
        )

    @_outside_request
    def backlog_grew(self, provider: str, pending: int, oldest_seconds: float, reason: str) -> None:
        """More waits for a provider than is good; `since` is when the oldest of it was written."""
        _log.warning(
            "backlog_grew",
            provider=provider,
            pending=pending,
            reason=reason,
            **_span(self._date(self.now() - oldest_seconds), oldest_seconds),
        )

    @_outside_request
    def backlog_drained(self, provider: str, pending: int, most: int, since: float, changes: int) -> None:
        """It has received nearly everything; `since` is when the backlog was told of, `most` how long it became."""
        _log.info(
            "backlog_drained",
            provider=provider,
            pending=pending,
            most=most,
            **_span(self._date(since), self.now() - since),
            **_often(changes),
        )

    @_outside_request
    def filling_postponed(self, provider: str, reason: str, since: float, tries: int, next_try: float) -> None:
        """It cannot be filled now; `since` is when that was found first, `next_try` seconds from now."""
        _log.info(
            "filling_postponed",
            provider=provider,
            reason=reason,
            tries=tries,
            next_try_seconds=round(next_try, 1),
            **_span(self._date(since), self.now() - since),
        )

    @_outside_request
    def journal_lost(self, reason: str, since: float, changes: int, serving: Serving) -> None:
        """It does not answer any more."""
        _log.warning(
            "journal_lost",
            reason=reason,
            **_span(self._date(since), self.now() - since),
            **_often(changes),
            **_served(serving),
        )

    @_outside_request
    def journal_answers_again(self, since: float, changes: int, serving: Serving) -> None:
        """It does; `since` is when it was lost."""
        _log.info(
            "journal_answers_again",
            **_span(self._date(since), self.now() - since),
            **_often(changes),
            **_served(serving),
        )

    def _date(self, moment: float) -> str:
        # By the wall clock as it is now: it may have been set since then.
        seconds = self._wall() - (self.now() - moment)
        before = self._dates.get(moment)
        if before is not None and abs(before - seconds) < SAME_DATE_SECONDS:
            return timestamp(before)
        self._dates.pop(moment, None)
        if len(self._dates) == MOST_DATES:
            del self._dates[next(iter(self._dates))]
        self._dates[moment] = seconds
        return timestamp(seconds)


def _span(since: str, seconds: float) -> dict[str, object]:
    return {"since": since, "seconds": round(max(0.0, seconds), 1)}


def _served(serving: Serving) -> dict[str, object]:
    return {"reads": serving.reads, "writes": serving.writes.value}


def _often(changes: int) -> dict[str, object]:
    """Say how often it came and went, where it did: what flaps is not told each time."""
    return {"changes": changes} if changes > 1 else {}
