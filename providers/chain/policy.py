"""The numbers of the attempt policy, checked: how long, how often, and how many at a time."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

Seconds = Annotated[float, Meta(ge=0.001, le=600)]
Tries = Annotated[int, Meta(ge=1, le=10)]
Share = Annotated[float, Meta(gt=0, le=1)]

# Seconds below which a try without an answer is no evidence against a provider, however quick it usually is.
LEAST_EVIDENCE = 0.25

_BATCH_UNIT = 100  # memories that one call may be about without a longer deadline
RECALL_WEIGHT = 10  # a question takes as long as storing so many memories in one call


class OperationClass(StrEnum):
    """Operations that are given the same deadline; the label of an attempt in metrics."""

    RECALL = "recall"
    READ = "read"  # list and get
    REMEMBER = "remember"  # and update
    DELETE = "delete"
    REPLAY = "replay"  # the deliverer, in the background

    @property
    def writes(self) -> bool:
        """Whether an operation of this class changes what is stored."""
        return self not in {OperationClass.RECALL, OperationClass.READ}


class OperationPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limits of one class of operations.

    `deadline` is seconds until the caller is told no, waits and other providers included. `try_limit` is seconds until
    a connection counts as hung and is thrown away; without one it is found out: all that is left of the deadline where
    nobody else can be asked, otherwise by how long the provider usually takes. `tries` counts the first one.
    """

    deadline: Seconds = 10.0
    try_limit: Seconds | None = None
    tries: Tries = 2

    def seconds(self, size: int, longest: float) -> float:
        """Return the deadline of one call about `size` memories: as much again for every further hundred of them.

        But never more than `longest`.
        """
        return min(self.deadline * _units(size), longest)

    def limit(self, size: int) -> float | None:
        """Return the configured limit of one try about `size` memories, None where it is to be found out."""
        if self.try_limit is None:
            return None
        return self.try_limit * _units(size)


def _units(size: int) -> int:
    return 1 + (max(1, size) - 1) // _BATCH_UNIT


class ReplayPolicy(OperationPolicy, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limits of a delivery in the background, for which nobody waits."""

    deadline: Seconds = 30.0


class AttemptPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limits of all operations at one provider, of whatever kind it is.

    Before the n-th retry there is a wait drawn from [0, min(`longest_wait`, `first_wait` * 2^(n-1))] seconds, which
    is "full jitter". Source: Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
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

    It opens when `failure_share` of at least `least_calls` calls within `window` seconds failed, or `in_a_row` calls
    one after the other. It stays open for `first_pause` seconds, doubled with every probe that failed up to
    `longest_pause`, and up to `jitter` of that longer, so that replicas do not come back together.
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
    """How many retries a provider may get: `share` of its requests within `window` seconds, or `at_least` of them."""

    share: Share = 0.1
    at_least: Annotated[int, Meta(ge=0, le=1_000)] = 3
    window: Annotated[float, Meta(ge=1, le=600)] = 10.0


class RelayPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How deliveries are made: up to `batch` at a time, `per_second` on average, so that who returns is not run over.

    After a failure a delivery waits for [0, min(`longest_wait`, `first_wait` * 2^n)] seconds. `dead_after` failures of
    one operation while its provider took others make it a dead letter. `poll` is seconds between looks for what other
    processes have written.
    """

    batch: Annotated[int, Meta(ge=1, le=1_000)] = 100
    per_second: Annotated[float, Meta(ge=0.1, le=1_000_000)] = 1_000.0
    first_wait: Seconds = 0.5
    longest_wait: Seconds = 60.0
    dead_after: Annotated[int, Meta(ge=1, le=1_000)] = 10
    poll: Seconds = 1.0


class RetentionPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long the journal remembers what every provider has confirmed, in seconds.

    `keep` must be longer than any write can be under way between here and a provider, all tries of its delivery
    included: only then can no late one undo a deletion that is forgotten. It is also how long a repeated
    `Idempotency-Key` is known without asking a provider.
    """

    keep: Annotated[float, Meta(ge=1, le=30 * 86_400)] = 3_600.0
    every: Seconds = 60.0


LONGEST_REQUEST = 30.0  # seconds


class ChainPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a chain treats its providers, for all of them alike.

    `longest_request` is seconds that no request lasts longer than, whatever its size and whatever its caller asks for.
    """

    longest_request: Seconds = LONGEST_REQUEST
    breaker: BreakerPolicy = BreakerPolicy()
    budget: BudgetPolicy = BudgetPolicy()
    deliveries: RelayPolicy = RelayPolicy()
    retention: RetentionPolicy = RetentionPolicy()
