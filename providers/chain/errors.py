"""The errors that the chain adds to those of providers: mostly refusals of our own, after which nothing was sent.

    Unavailable
    +-- Refused                  the provider was not called: nothing was sent, nothing is learned about it
    |   +-- BreakerOpen          its breaker is open, by itself or forced by an operator
    |   +-- BulkheadFull         its concurrency limit is reached
    |   +-- NoTimeLeft           the deadline passed before it could be called
    +-- Contradicted             it lacks what the journal knows as confirmed there
    +-- TimedOut
    |   +-- CutShort             the try had too little time to be evidence about the provider
    +-- Misconfigured
        +-- OrderRefused         an order of providers that cannot be put in force

A `Refused` is never retried; another provider may be asked at once.
"""

from providers.errors import InvalidInput, Misconfigured, TimedOut, Unavailable


class Refused(Unavailable):
    """The provider was not called, so that nothing happened there."""

    outcome = "refused"


class BreakerOpen(Refused):
    """The circuit breaker of the provider refuses calls now."""

    outcome = "breaker_open"


class BulkheadFull(Refused):
    """The provider has reached its concurrency limit, and no slot became free in time."""

    outcome = "bulkhead_full"


class NoTimeLeft(Refused):
    """The deadline passed before the provider could be called."""

    outcome = "no_time_left"


class Contradicted(Unavailable):
    """The provider lacks what it confirmed longer ago than it may be stale, so that its word counts for nothing."""

    outcome = "contradiction"


class CutShort(TimedOut):
    """No answer within what the deadline and this process's own lag left, which was too short to be evidence."""

    outcome = "cut_short"


def list_of_nobody(provider: str) -> InvalidInput:
    """Return the refusal of a cursor whose provider is not in the order, and so will not go on with its list."""
    return InvalidInput("cursor", f"goes on with {provider}, which serves no more: begin the list again without it")


def counts_as_failure(error: BaseException) -> bool:
    """Return whether an error is evidence that the provider is unhealthy.

    Answers, cancellations, bugs and our own refusals are not.
    """
    return isinstance(error, Unavailable) and not isinstance(error, (Refused, CutShort))


class OrderRefused(Misconfigured):
    """An order of providers that cannot be put in force; the current order stays."""

    outcome = "order_refused"
