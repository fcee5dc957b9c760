"""What is expected of a kind of provider before anything is known of this one."""

from msgspec import Struct

# Seconds that a try has at the least where somebody else can be asked after it, and at the most. Between the two it has
# so many times what the provider usually takes: a hung connection is given up soon, and a slow answer is waited for.
LEAST_TRY = 1.0
MOST_TRY = 5.0
USUAL_FACTOR = 3.0

# Seconds that a call of a provider is expected to take so that a try of it has the least, or the most.
QUICK = LEAST_TRY / USUAL_FACTOR
SLOW = MOST_TRY / USUAL_FACTOR


class ProviderLimits(Struct, frozen=True, kw_only=True):
    """What a kind of provider is like before anything is known of this one.

    `places` are calls that it may have at a time in one process; `usual` is seconds that one call is expected to take
    until enough of them have been seen.
    """

    places: int = 128
    usual: float = QUICK
