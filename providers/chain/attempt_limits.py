"""The time limits of one try, and the wait from which on a missing answer counts as evidence."""

from math import inf

from msgspec import Struct

from providers.chain.latency_estimate import LatencyEstimates
from providers.chain.policy import LEAST_EVIDENCE, OperationClass
from providers.expectations import MOST_TRY, USUAL_FACTOR

# The share of a configured limit that a try must have had for a missing answer to count as evidence.
_FAIR_SHARE = 0.5


class AttemptLimits(Struct, frozen=True):
    """The limits of one try in seconds: `limit` is how long it may take, infinite where only the deadline ends it.

    A wait shorter than `evidence` says nothing about the provider.
    """

    limit: float
    evidence: float


def configured_limits(configured: float, deadline: float) -> AttemptLimits:
    """Return the limits of a try whose limit an operator configured; `deadline` is seconds for the whole operation."""
    return AttemptLimits(configured, _FAIR_SHARE * min(configured, deadline))


def learned_limits(
    latencies: LatencyEstimates, operation: OperationClass, size: int, *, others: bool, on_probation: bool
) -> AttemptLimits:
    """Return the limits of a try, derived from the usual latency of the provider.

    `others` is true where another provider can be asked if this one does not answer soon. A provider `on_probation`
    gets the longest limit, because the one call that tests it must be able to find out that it is slow and not hung.
    A write that the journal delivers otherwise has as long as a delivery: no caller waits for the end of either.
    """
    longer = USUAL_FACTOR * latencies.seconds(operation, size)
    evidence = min(max(LEAST_EVIDENCE, longer), MOST_TRY)
    if operation is OperationClass.REPLAY or (others and operation.writes):
        return AttemptLimits(max(MOST_TRY, longer), evidence)
    if not others:
        return AttemptLimits(inf, evidence)
    return AttemptLimits(MOST_TRY if on_probation else latencies.need(operation, size), evidence)
