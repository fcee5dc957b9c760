"""How long, how often and how many at a time: the numbers of the attempt policy, checked."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

Seconds = Annotated[float, Meta(ge=0.001, le=600)]
Tries = Annotated[int, Meta(ge=1, le=10)]
Share = Annotated[float, Meta(gt=0, le=1)]

_BATCH_UNIT = 100  # memories that one call may be about without more patience
_FAIR_SHARE = 0.5  # of the time a try would have had; less than that says nothing about the provider


class OperationClass(StrEnum):
    """Operations that are given the same patience; the label of an attempt in metrics."""

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
    """The patience with one class of operations.

    `deadline` is seconds for the whole operation, waits and other providers included; `try_limit` is seconds for one
    try; `tries` counts the first one.
    """

    deadline: Seconds
    try_limit: Seconds
    tries: Tries = 2

    def of_batch(self, size: int) -> "OperationPolicy":
        """The patience with one call about so many memories: as much again for every further hundred."""
        hundreds = (size - 1) // _BATCH_UNIT
        if not hundreds:
            return self
        return replace(self, deadline=self.deadline * (1 + hundreds), try_limit=self.try_limit * (1 + hundreds))

    def longer(self, seconds: float) -> "OperationPolicy":
        """The same with so many seconds more for every try."""
        return replace(self, deadline=self.deadline + seconds, try_limit=self.try_limit + seconds)

    @property
    def fair_try(self) -> float:
        """Seconds below which a try without an answer tells nothing about the provider: the deadline cut it short."""
        return _FAIR_SHARE * min(self.try_limit, self.deadline)


class AttemptPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The patience with one provider; the defaults are those of a database nearby.

    Before the n-th retry there is a wait drawn from [0, min(`longest_wait`, `first_wait` * 2^(n-1))] seconds, which
    is "full jitter". Source: Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
    """

    recall: OperationPolicy = OperationPolicy(deadline=0.5, try_limit=0.2)
    read: OperationPolicy = OperationPolicy(deadline=0.5, try_limit=0.2)
    remember: OperationPolicy = OperationPolicy(deadline=2.0, try_limit=0.5)
    delete: OperationPolicy = OperationPolicy(deadline=1.0, try_limit=0.3)
    replay: OperationPolicy = OperationPolicy(deadline=30.0, try_limit=5.0)
    first_wait: Seconds = 0.010
    longest_wait: Seconds = 0.200

    def __post_init__(self) -> None:
        """Refuse waits that would shrink."""
        if self.first_wait > self.longest_wait:
            raise ValueError("first_wait must not be longer than longest_wait")

    def of(self, operation: OperationClass) -> OperationPolicy:
        """The patience with one class of operations."""
        policy: OperationPolicy = getattr(self, operation)
        return policy

    def longer(self, seconds: float) -> "AttemptPolicy":
        """The patience with a provider that may itself have to wait so long for somebody else."""
        return replace(self, **{operation.value: self.of(operation).longer(seconds) for operation in OperationClass})


NATIVE = AttemptPolicy()
MEM0 = AttemptPolicy(
    recall=OperationPolicy(deadline=0.5, try_limit=2.0),
    read=OperationPolicy(deadline=0.5, try_limit=2.0),
    remember=OperationPolicy(deadline=2.0, try_limit=5.0),
    delete=OperationPolicy(deadline=1.0, try_limit=2.0),
    replay=OperationPolicy(deadline=30.0, try_limit=15.0),
)

NATIVE_PLACES = 128  # calls that a provider may have at a time in one process


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


class DelivererPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
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


class ChainPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a chain treats its providers, for all of them alike."""

    breaker: BreakerPolicy = BreakerPolicy()
    budget: BudgetPolicy = BudgetPolicy()
    deliveries: DelivererPolicy = DelivererPolicy()
    retention: RetentionPolicy = RetentionPolicy()
