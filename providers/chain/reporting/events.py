"""The log events about a chain, each with its level and its fields, and with moments as dates."""

import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import wraps
from typing import ParamSpec

import structlog
from msgspec import Struct

from observability import tracing
from observability.logs import timestamp

# A moment keeps its first date, so that one search finds all events about it. The difference of the clocks is read anew
# each time and moves by microseconds; a larger difference means that the wall clock was set, and the date is new.
SAME_DATE_SECONDS = 1.0
MOST_DATES = 256

Given = ParamSpec("Given")

_log = structlog.get_logger(__name__)


def _outside_request(write: Callable[Given, None]) -> Callable[Given, None]:
    """Log outside the request that revealed the event, since the event does not belong to it."""

    @wraps(write)
    def detached(*given: Given.args, **named: Given.kwargs) -> None:
        tracing.detached().run(write, *given, **named)

    return detached


class Writes(StrEnum):
    """The fate of a write now."""

    STORED = "stored"
    ACCEPTED = "accepted"  # durable in the journal, and delivered later
    REFUSED = "refused"


class Serving(Struct, frozen=True):
    """The provider that answers reads, None if none certainly does, and the fate of writes."""

    reads: str | None
    writes: Writes


class LogEvents:
    """Write log events; moments are seconds of `now`, written as dates of `wall`, which is seconds since 1970."""

    def __init__(self, now: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self.now = now
        self._wall = wall
        self._dates: dict[float, float] = {}

    @_outside_request
    def provider_not_reached(self, name: str, reason: str, serving: Serving) -> None:
        """Log that a provider takes part from now on, but has not answered yet."""
        _log.warning("provider_not_reached", provider=name, reason=reason, **_served(serving))

    @_outside_request
    def provider_lost(self, name: str, reason: str, since: float, changes: int, serving: Serving) -> None:
        """Log that a provider does not answer any more."""
        _log.warning(
            "provider_lost", provider=name, reason=reason, **_span(self, since), **_often(changes), **_served(serving)
        )

    @_outside_request
    def provider_answers_again(self, name: str, since: float, changes: int, serving: Serving) -> None:
        """Log that a provider answers again; `since` is when it was lost."""
        _log.info("provider_answers_again", provider=name, **_span(self, since), **_often(changes), **_served(serving))

    @_outside_request
    def breaker_opened(self, name: str, reason: str, since: float, openings: int, serving: Serving) -> None:
        """Log that a breaker refuses calls; `since` is when the provider was last healthy, as its breaker knows."""
        _log.warning(
            "breaker_opened", provider=name, reason=reason, openings=openings, **_span(self, since), **_served(serving)
        )

    @_outside_request
    def breaker_half_open(self, name: str, reason: str, since: float, openings: int) -> None:
        """Log that a breaker admits one call at a time; `since` is when it first opened."""
        _log.info("breaker_half_open", provider=name, reason=reason, openings=openings, **_span(self, since))

    @_outside_request
    def breaker_closed(self, name: str, reason: str, since: float, openings: int, serving: Serving) -> None:
        """Log that a breaker admits calls again; `since` is when it first opened."""
        _log.info(
            "breaker_closed", provider=name, reason=reason, openings=openings, **_span(self, since), **_served(serving)
        )

    @_outside_request
    def reads_moved(self, name: str, other: str, reason: str, since: float, changes: int) -> None:
        """Log that another provider than home answers reads."""
        _log.warning(
            "reads_moved", provider=name, instead_of=other, reason=reason, **_span(self, since), **_often(changes)
        )

    @_outside_request
    def reads_moved_back(self, name: str, other: str, reason: str, since: float, changes: int) -> None:
        """Log that home answers reads again; `since` is when they moved away."""
        _log.info(
            "reads_moved_back", provider=name, instead_of=other, reason=reason, **_span(self, since), **_often(changes)
        )

    @_outside_request
    def backlog_grew(self, name: str, pending: int, oldest_seconds: float, reason: str) -> None:
        """Log that too many deliveries to a provider are pending; `since` is when the oldest was written."""
        _log.warning(
            "backlog_grew", provider=name, pending=pending, reason=reason, **_span(self, self.now() - oldest_seconds)
        )

    @_outside_request
    def backlog_drained(self, name: str, pending: int, most: int, since: float, changes: int) -> None:
        """Log that few deliveries are pending; `since` is when the backlog was reported, `most` its greatest length."""
        _log.info("backlog_drained", provider=name, pending=pending, most=most, **_span(self, since), **_often(changes))

    @_outside_request
    def provider_asked_second(self, name: str, patience: Mapping[str, float], since: float, changes: int) -> None:
        """Log that reads ask another provider first, since most answers of this one take longer than patience."""
        seconds = {operation: round(one, 3) for operation, one in patience.items()}
        _log.warning("provider_asked_second", provider=name, patience=seconds, **_span(self, since), **_often(changes))

    @_outside_request
    def provider_asked_first(self, name: str, since: float, changes: int) -> None:
        """Log that a provider is quick again; `since` is when it was asked second."""
        _log.info("provider_asked_first", provider=name, **_span(self, since), **_often(changes))

    @_outside_request
    def provider_contradicted(self, name: str, count: int) -> None:
        """Log that a provider does not show what it confirmed; `count` is how often since this was last logged."""
        _log.warning("provider_contradicted", provider=name, count=count)

    @_outside_request
    def filling_postponed(self, name: str, reason: str, since: float, tries: int, next_try: float) -> None:
        """Log that a backfill cannot be done now; `since` is when it first failed, `next_try` is seconds from now."""
        _log.info(
            "filling_postponed",
            provider=name,
            reason=reason,
            tries=tries,
            next_try_seconds=round(next_try, 1),
            **_span(self, since),
        )

    @_outside_request
    def journal_lost(self, reason: str, since: float, changes: int, serving: Serving) -> None:
        """Log that the journal does not answer any more."""
        _log.warning("journal_lost", reason=reason, **_span(self, since), **_often(changes), **_served(serving))

    @_outside_request
    def journal_answers_again(self, since: float, changes: int, serving: Serving) -> None:
        """Log that the journal answers again; `since` is when it was lost."""
        _log.info("journal_answers_again", **_span(self, since), **_often(changes), **_served(serving))

    def date(self, moment: float) -> str:
        """Return the date of a moment of `now`."""
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


def _span(events: LogEvents, since: float) -> dict[str, object]:
    return {"since": events.date(since), "seconds": round(max(0.0, events.now() - since), 1)}


def _served(serving: Serving) -> dict[str, object]:
    return {"reads": serving.reads, "writes": serving.writes.value}


def _often(changes: int) -> dict[str, object]:
    """Return the number of changes if there were several, since not every change of a flapping state is reported."""
    return {"changes": changes} if changes > 1 else {}
