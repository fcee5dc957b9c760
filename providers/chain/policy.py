"""The settings of the attempt policy: time limits, numbers of tries, retries and concurrency."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

Seconds = Annotated[float, Meta(ge=0.001, le=600)]
TryCount = Annotated[int, Meta(ge=1, le=10)]
Share = Annotated[float, Meta(gt=0, le=1)]

# A try that waited less than these seconds is no evidence against a provider, however quick it usually is.
LEAST_EVIDENCE = 0.25

_BATCH_UNIT = 100  # memories that one call may concern without a longer deadline
RECALL_WEIGHT = 10  # a query takes as long as storing this many memories in one call


class OperationClass(StrEnum):
    """Classes of operations that share a deadline; the label of an attempt in metrics."""

    RECALL = "recall"
    READ = "read"  # list and get
    REMEMBER = "remember"  # and update
    DELETE = "delete"
    REPLAY = "replay"  # deliveries in the background

    @property
    def writes(self) -> bool:
        """Whether an operation of this class changes what is stored."""
        return self not in _READING


_READING = frozenset({OperationClass.RECALL, OperationClass.READ})


class OperationPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limits of one class of operations.

    `deadline` is the seconds after which the caller is refused, waits and other providers included. `try_limit` is the
    seconds after which a connection counts as hung and is discarded. Without one the limit is learned: all that is left
    of the deadline where no other provider can be asked, otherwise a multiple of the provider's usual latency. `tries`
    counts the first one.
    """

    deadline: Seconds = 10.0
    try_limit: Seconds | None = None
    tries: TryCount = 2

    def seconds(self, size: int, longest: float) -> float:
        """Return the deadline of a call about `size` memories: once more for each further hundred, up to `longest`."""
        return min(self.deadline * _units(size), longest)

    def limit(self, size: int) -> float | None:
        """Return the configured limit of one try about `size` memories, None where the limit is learned."""
        if self.try_limit is None:
            return None
        return self.try_limit * _units(size)


def _units(size: int) -> int:
    return 1 + (max(1, size) - 1) // _BATCH_UNIT


class ReplayPolicy(OperationPolicy, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limits of a delivery in the background, for which no caller waits."""

    deadline: Seconds = 30.0


class AttemptPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limits of all operations at one provider, whatever its kind.

    Before the n-th retry there is a wait drawn from [0, min(`longest_wait`, `first_wait` * 2^(n-1))] seconds, which is
    "full jitter". Source: Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
    """

    recall: OperationPolicy = OperationPolicy()
    read: OperationPolicy = OperationPolicy()
    remember: OperationPolicy = OperationPolicy()
    delete: OperationPolicy = OperationPolicy()
    replay: ReplayPolicy = ReplayPolicy()
    first_wait: Seconds = 0.010
    longest_wait: Seconds = 0.200

    def __post_init__(self) -> None:
        """Refuse waits that would shrink."""
        if self.first_wait > self.longest_wait:
            raise ValueError("first_wait must not be longer than longest_wait")

    def of(self, operation: OperationClass) -> OperationPolicy:
        """Return the limits of one class of operations."""
        policy: OperationPolicy = getattr(self, operation)
        return policy


class BreakerPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a circuit breaker opens, and for how long.

    It opens when `failure_share` of at least `least_calls` calls within `window` seconds failed, or `in_a_row` calls in
    a row. It stays open for `first_pause` seconds, doubled with every failed probe up to `longest_pause`, and up to
    `jitter` of that longer, so that replicas do not retry at the same moment.
    """

    failure_share: Share = 0.5
    least_calls: Annotated[int, Meta(ge=1, le=10_000)] = 10
    window: Annotated[float, Meta(ge=1, le=600)] = 10.0
    in_a_row: Annotated[int, Meta(ge=1, le=1_000)] = 5
    first_pause: Seconds = 5.0
    longest_pause: Annotated[float, Meta(ge=0.001, le=3_600)] = 60.0
    jitter: Annotated[float, Meta(ge=0, le=1)] = 0.2

    def __post_init__(self) -> None:
        """Refuse pauses that would shrink."""
        if self.first_pause > self.longest_pause:
            raise ValueError("first_pause must not be longer than longest_pause")


class BudgetPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The budget of a provider for retries and hedges: `share` of its requests in `window` s, or `at_least` so many."""

    share: Share = 0.1
    at_least: Annotated[int, Meta(ge=0, le=1_000)] = 3
    window: Annotated[float, Meta(ge=1, le=600)] = 10.0


class HedgingPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a read asks the next complete provider as well, because the first one is slow.

    The patience with a provider is `factor` times the lowest 99th percentile of its latencies in the last hour, at
    least `least_patience` seconds and at most `most_patience`. Not `enabled`, nobody is asked before the one before it
    has failed.
    """

    enabled: bool = True
    factor: Annotated[float, Meta(ge=1, le=100)] = 2.0
    least_patience: Seconds = 0.1
    most_patience: Seconds = 2.0

    def __post_init__(self) -> None:
        """Refuse bounds that contradict each other."""
        if self.least_patience > self.most_patience:
            raise ValueError("least_patience must not be longer than most_patience")

    def patience(self, latency: float) -> float:
        """Return the patience with a provider whose calls take up to so many seconds in good times."""
        return min(max(self.least_patience, self.factor * latency), self.most_patience)


class RelayPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The pace of deliveries: up to `batch` at a time, and `per_second` on average, to spare a returning provider.

    After a failure a delivery waits for [0, min(`longest_wait`, `first_wait` * 2^n)] seconds. An operation becomes a
    dead letter after `dead_after` failures, if its provider took others meanwhile. `poll` is the seconds between two
    polls for operations that other processes have written.
    """

    batch: Annotated[int, Meta(ge=1, le=1_000)] = 100
    per_second: Annotated[float, Meta(ge=0.1, le=1_000_000)] = 1_000.0
    first_wait: Seconds = 0.5
    longest_wait: Seconds = 60.0
    dead_after: Annotated[int, Meta(ge=1, le=1_000)] = 10
    poll: Seconds = 1.0


class RetentionPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long the journal retains what every provider has confirmed, in seconds.

    `keep` must be longer than any write can be under way between here and a provider, all tries of its delivery
    included: only then can no late write undo a deletion that has been collected. For the same time a repeated
    `Idempotency-Key` is recognised without asking a provider.
    """

    keep: Annotated[float, Meta(ge=1, le=30 * 86_400)] = 3_600.0
    every: Seconds = 60.0


class PatrolPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often and how slowly the complete stores of a chain are compared.

    A round begins `every` so many seconds after the end of the one before. It takes up `share` of the time of a store
    at most: after a call of t seconds it rests for t * (1 / `share` - 1) seconds.
    """

    enabled: bool = True
    every: Annotated[float, Meta(ge=1, le=7 * 86_400)] = 600.0
    share: Share = 0.02


class ExpiryPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often what has expired is erased; each sweep takes up `share` of the time of a store at most, as a patrol."""

    enabled: bool = True
    every: Annotated[float, Meta(ge=1, le=7 * 86_400)] = 600.0
    share: Share = 0.1


LONGEST_REQUEST = 30.0  # seconds


class ChainPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The policy that a chain applies to all of its providers alike.

    No request lasts longer than `longest_request` seconds, whatever its size and whatever its caller asks for. If
    `writes_wait`, home's confirmation of a write is awaited until the deadline, and not only within the patience.
    """

    longest_request: Seconds = LONGEST_REQUEST
    writes_wait: bool = False
    breaker: BreakerPolicy = BreakerPolicy()
    budget: BudgetPolicy = BudgetPolicy()
    hedging: HedgingPolicy = HedgingPolicy()
    deliveries: RelayPolicy = RelayPolicy()
    retention: RetentionPolicy = RetentionPolicy()
    patrol: PatrolPolicy = PatrolPolicy()
    expiry: ExpiryPolicy = ExpiryPolicy()
