"""The expectations of a kind of provider before anything has been measured."""

from msgspec import Struct

# The bounds, in seconds, of a try after which another provider can be asked. Between them it has a multiple of the
# provider's usual latency, so that a hung connection is abandoned soon and a slow answer is still waited for.
LEAST_TRY = 1.0
MOST_TRY = 5.0
USUAL_FACTOR = 3.0

# The expected seconds of one call with which a try gets the least time, or the most.
QUICK = LEAST_TRY / USUAL_FACTOR
SLOW = MOST_TRY / USUAL_FACTOR


class ProviderLimits(Struct, frozen=True, kw_only=True):
    """What is expected of a kind of provider before anything has been measured.

    `concurrency` is the number of calls that it may have at a time in one process; `expected_latency` is the seconds
    that one call is expected to take until enough calls have been measured.
    """

    concurrency: int = 128
    expected_latency: float = QUICK
