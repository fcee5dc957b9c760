"""How long one try is waited for, and from when on having waited in vain means something."""

from math import inf

from msgspec import Struct

from providers.chain.latency_estimate import LatencyEstimates
from providers.chain.policy import LEAST_EVIDENCE, MOST_TRY, USUAL_FACTOR, OperationClass

# Of a try with a configured limit, what it must have had to say anything about the provider.
_FAIR_SHARE = 0.5


class AttemptLimits(Struct, frozen=True):
    """Of one try, in seconds: `limit` is how long it is waited for, infinite where only the deadline ends it.

    Less than `evidence` without an answer says nothing about the provider.
    """

    limit: float
    evidence: float


def configured_limits(configured: float, deadline: float) -> AttemptLimits:
    """Return the limits of a try whose limit an operator has set; `deadline` is seconds for the whole operation."""
    return AttemptLimits(configured, _FAIR_SHARE * min(configured, deadline))


def learned_limits(
    latencies: LatencyEstimates, operation: OperationClass, size: int, *, others: bool, on_probation: bool
) -> AttemptLimits:
    """Return the limits of a try as they are found out from how long the provider usually takes.

    `others` can be asked when it gives no answer for long. A provider `on_probation` is given the most: that it is slow
    is to be found out by the one call that asks it.
    """
    longer = USUAL_FACTOR * latencies.seconds(operation, size)
    evidence = min(max(LEAST_EVIDENCE, longer), MOST_TRY)
    if operation is OperationClass.REPLAY:
        return AttemptLimits(max(MOST_TRY, longer), evidence)
    if not others:
        return AttemptLimits(inf, evidence)
    return AttemptLimits(MOST_TRY if on_probation else latencies.need(operation, size), evidence)
