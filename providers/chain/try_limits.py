"""How long one try is waited for, and from when on having waited in vain means something."""

from math import inf

from msgspec import Struct

from providers.chain.latency_estimate import LatencyEstimates
from providers.chain.policy import LEAST_EVIDENCE, OperationClass
from providers.expectations import MOST_TRY, USUAL_FACTOR

# Of a try with a configured limit, what it must have had to say anything about the provider.
_FAIR_SHARE = 0.5


class TryLimits(Struct, frozen=True):
    """Of one try, in seconds: `limit` is how long it is waited for, infinite where only the deadline ends it.

    Less than `evidence` without an answer says nothing about the provider.
    """

    limit: float
    evidence: float


def configured_limits(configured: float, deadline: float) -> TryLimits:
    """Return the limits of a try whose limit an operator has set; `deadline` is seconds for the whole operation."""
    return TryLimits(configured, _FAIR_SHARE * min(configured, deadline))


def found_limits(
    usual: LatencyEstimates, operation: OperationClass, size: int, *, others: bool, on_probation: bool
) -> TryLimits:
    """Return the limits of a try as they are found out from how long the provider usually takes.

    `others` can be asked when it gives no answer for long. A provider `on_probation` is given the most: that it is slow
    is to be found out by the one call that asks it.
    """
    longer = USUAL_FACTOR * usual.seconds(operation, size)
    evidence = min(max(LEAST_EVIDENCE, longer), MOST_TRY)
    if operation is OperationClass.REPLAY:
        return TryLimits(max(MOST_TRY, longer), evidence)
    if not others:
        return TryLimits(inf, evidence)
    return TryLimits(MOST_TRY if on_probation else usual.need(operation, size), evidence)
