"""What the chain adds to the errors of providers: our own refusals, which were surely not sent.

    Unavailable
    +-- Refused                  we did not ask the provider: nothing was sent, nothing is learned about it
    |   +-- BreakerOpen          it failed too often lately, or an operator closed the way
    |   +-- BulkheadFull         as many calls as it may have at a time are under way
    |   +-- NoTimeLeft           the deadline passed before it could be asked
    +-- TimedOut
    |   +-- CutShort             the try had too little time to say anything about the provider
    +-- Misconfigured
        +-- OrderRefused         an order of providers that cannot be put in force

Nobody retries a `Refused`; another provider may be asked at once.
"""

from providers.errors import Misconfigured, TimedOut, Unavailable


class Refused(Unavailable):
    """The provider was not asked, so that nothing happened there."""

    outcome = "refused"


class BreakerOpen(Refused):
    """The circuit breaker of the provider lets nobody through now."""

    outcome = "breaker_open"


class BulkheadFull(Refused):
    """No place became free among the calls that the provider may have at a time."""

    outcome = "bulkhead_full"


class NoTimeLeft(Refused):
    """The deadline passed before the provider could be asked."""

    outcome = "no_time_left"


class CutShort(TimedOut):
    """No answer within what the deadline and this process's own lag left, too little to be evidence."""

    outcome = "cut_short"


def counts_as_failure(error: BaseException) -> bool:
    """Whether an error is evidence that the provider is unwell.

    Answers, cancellations, bugs and our own refusals are not.
    """
    return isinstance(error, Unavailable) and not isinstance(error, (Refused, CutShort))


class OrderRefused(Misconfigured):
    """An order of providers that cannot be put in force; what was in force stays in force."""

    outcome = "order_refused"
