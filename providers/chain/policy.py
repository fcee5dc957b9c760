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
    """The limits of one class of operations; one about many memories gets the seconds again for each further hundred.

    The learned limit of a try is all that is left of the deadline where no other provider can be asked, otherwise a
    multiple of the provider's usual latency.
    """

    deadline: Seconds = 10.0
    """The seconds after which the caller is refused, waits and other providers included. Change it to what your callers
    wait for.
    """
    try_limit: Seconds | None = None
    """The seconds after which a connection counts as hung and is discarded; without it the limit is learned from the
    provider. Set it where the provider is known to be slow at times, or must never be waited for.
    """
    tries: TryCount = 2
    """How often the provider is asked at most, the first time included. Lower it to 1 for a provider that repeats by
    itself.
    """

    def seconds(self, size: int, longest: float) -> float:
        """Return the deadline of a call about `size` memories: once more for each further hundred, up to `longest`."""
        return min(self.deadline if size <= _BATCH_UNIT else self.deadline * _units(size), longest)

    def limit(self, size: int) -> float | None:
        """Return the configured limit of one try about `size` memories, None where the limit is learned."""
        if self.try_limit is None or size <= _BATCH_UNIT:
            return self.try_limit
        return self.try_limit * _units(size)


def _units(size: int) -> int:
    return 1 + (max(1, size) - 1) // _BATCH_UNIT


class ReplayPolicy(OperationPolicy, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limits of a delivery in the background, for which no caller waits."""

    deadline: Seconds = 30.0
    """The seconds for a delivery in the background, for which no caller waits. Raise it for a standby that takes long
    to store.
    """


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
    """The seconds before the first retry at most; each further wait may be twice as long. Raise it for a provider that
    needs more than milliseconds to recover.
    """
    longest_wait: Seconds = 0.200
    """The seconds before any retry at most. Raise it together with the deadlines, for a provider that recovers slowly.
    """

    def __post_init__(self) -> None:
        """Refuse waits that would shrink."""
        if self.first_wait > self.longest_wait:
            raise ValueError("first_wait must not be longer than longest_wait")

    def of(self, operation: OperationClass) -> OperationPolicy:
        """Return the limits of one class of operations."""
        policy: OperationPolicy = getattr(self, operation)
        return policy


class BreakerPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a circuit breaker opens, and for how long."""

    failure_share: Share = 0.5
    """The share of calls that must fail for the breaker to open. Lower it to leave a failing provider sooner."""
    least_calls: Annotated[int, Meta(ge=1, le=10_000)] = 10
    """The calls within the window without which no share is judged. Raise it where a few failures open the breaker too
    often.
    """
    window: Annotated[float, Meta(ge=1, le=600)] = 10.0
    """The seconds over which the share is taken. Raise it for a provider with few requests."""
    in_a_row: Annotated[int, Meta(ge=1, le=1_000)] = 5
    """The failures one after the other that open the breaker by themselves. Raise it where a provider fails in short
    bursts and recovers.
    """
    first_pause: Seconds = 5.0
    """The seconds for which the breaker stays open at first. Lower it where outages are short."""
    longest_pause: Annotated[float, Meta(ge=0.001, le=3_600)] = 60.0
    """The seconds for which it stays open at most, after many failed probes. Lower it to find out sooner that a
    provider is back.
    """
    jitter: Annotated[float, Meta(ge=0, le=1)] = 0.2
    """The share by which a pause may be longer, so that replicas do not probe together. Leave it, unless there is one
    process alone.
    """

    def __post_init__(self) -> None:
        """Refuse pauses that would shrink."""
        if self.first_pause > self.longest_pause:
            raise ValueError("first_pause must not be longer than longest_pause")


class BudgetPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The budget of a provider for retries and hedges."""

    share: Share = 0.1
    """The share of a provider's requests that may be retries and hedges. Lower it where retries make an overload worse.
    """
    at_least: Annotated[int, Meta(ge=0, le=1_000)] = 3
    """The retries and hedges that are allowed in the window, however few the requests are. Raise it where single
    requests fail that a retry would save.
    """
    window: Annotated[float, Meta(ge=1, le=600)] = 10.0
    """The seconds over which requests are counted for it. Raise it for a provider with few requests."""


class HedgingPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a read asks the next complete provider as well, because the first one is slow.

    The usual latency is the lowest 99th percentile of a minute in the last hour.
    """

    enabled: bool = True
    """Whether a read asks the next complete provider as well where the first one is slow. Turn it off where a standby
    may cost too much to be asked.
    """
    factor: Annotated[float, Meta(ge=1, le=100)] = 2.0
    """How many times its usual latency a provider is waited for. Raise it where a standby is asked too often."""
    least_patience: Seconds = 0.1
    """The seconds that a provider is waited for at least. Raise it where answers differ little in what they are worth
    after that time.
    """
    most_patience: Seconds = 2.0
    """The seconds that a provider is waited for at most. Lower it where callers need an answer sooner."""

    def __post_init__(self) -> None:
        """Refuse bounds that contradict each other."""
        if self.least_patience > self.most_patience:
            raise ValueError("least_patience must not be longer than most_patience")

    def patience(self, latency: float) -> float:
        """Return the patience with a provider whose calls take up to so many seconds in good times."""
        return min(max(self.least_patience, self.factor * latency), self.most_patience)


class RelayPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The pace of deliveries in the background."""

    batch: Annotated[int, Meta(ge=1, le=1_000)] = 100
    """The operations that are delivered at a time. Lower it for a provider that takes long for a batch."""
    per_second: Annotated[float, Meta(ge=0.1, le=1_000_000)] = 1_000.0
    """The operations that are delivered a second, on average. Lower it to spare a provider that comes back, or raise it
    to complete it sooner.
    """
    first_wait: Seconds = 0.5
    """The seconds before a failed delivery is tried again at most; each further wait may be twice as long. Raise it for
    a provider that needs rest after a failure.
    """
    longest_wait: Seconds = 60.0
    """The seconds before any further try of a delivery at most. Lower it to reach a provider sooner that is back after
    a long outage.
    """
    dead_after: Annotated[int, Meta(ge=1, le=1_000)] = 10
    """The failures after which an operation waits for an operator, if its provider took others meanwhile. Raise it
    where a provider refuses for passing reasons.
    """
    poll: Seconds = 1.0
    """The seconds between looks for operations that other processes have written. Lower it where notifications cannot
    pass, as through a pooler, and standbys should be closer behind.
    """


class RetentionPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long the journal retains what every provider has confirmed.

    `keep` must be longer than any write can be under way between here and a provider, all tries of its delivery
    included: only then can no late write undo a deletion that has been collected. For the same time a repeated
    `Idempotency-Key` is recognised without asking a provider.
    """

    keep: Annotated[float, Meta(ge=1, le=30 * 86_400)] = 3_600.0
    """The seconds for which the journal remembers what every provider has confirmed; at least ten times
    `chain.longest_request`. Raise it to the longest time that a backup of a store may be older than that of the
    journal.
    """
    every: Seconds = 60.0
    """The seconds between two removals of what is older. Leave it, unless the journal grows faster than it is cleaned.
    """


class PatrolPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often and how slowly the complete stores of a chain are compared.

    After a call of t seconds a round rests for t * (1 / `share` - 1) seconds.
    """

    enabled: bool = True
    """Whether complete stores are compared in the background. Turn it off where nobody but this service writes and each
    comparison costs money.
    """
    every: Annotated[float, Meta(ge=1, le=7 * 86_400)] = 600.0
    """The seconds from the end of one round to the beginning of the next. Lower it to find differences sooner."""
    share: Share = 0.02
    """The share of a store's time that a round takes at most. Raise it where a round takes days."""


class ExpiryPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often what has expired is erased, and how slowly, as a patrol."""

    enabled: bool = True
    """Whether what has expired is erased; it is hidden in any case. Turn it off while expired memories must still be
    examined in the database.
    """
    every: Annotated[float, Meta(ge=1, le=7 * 86_400)] = 600.0
    """The seconds between two sweeps. Lower it where erasure is promised within minutes; what has expired is erased an
    hour later at the earliest.
    """
    share: Share = 0.1
    """The share of a store's time that a sweep takes at most. Raise it where more expires than is erased."""


class ErasurePolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long it is remembered who was erased, and how often it is looked for work, in seconds.

    For `keep` no store takes anything of an erased user that was written before, a backup that is put back included.
    """

    keep: Annotated[float, Meta(ge=86_400, le=10 * 366 * 86_400)] = 400 * 86_400.0
    """The seconds for which it is remembered who was erased. Raise it where the oldest backup is kept longer than that:
    one that is put back later brings the user back.
    """
    every: Annotated[float, Meta(ge=0.1, le=3_600)] = 5.0
    """The seconds between two looks of each process for what others have erased, and for erasures to finish. Leave it,
    unless the journal is asked too often.
    """


LONGEST_REQUEST = 30.0  # seconds


class ChainPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The policy that a chain applies to all of its providers alike."""

    longest_request: Seconds = LONGEST_REQUEST
    """The seconds after which every request ends, whatever its size and its caller ask for. Raise it for batches that
    need longer, and lower it to stop faster.
    """
    writes_wait: bool = False
    """Whether a write waits for home until its deadline, and not only as long as home usually takes. Enable it for
    clients that take nothing but 200 for a success.
    """
    breaker: BreakerPolicy = BreakerPolicy()
    budget: BudgetPolicy = BudgetPolicy()
    hedging: HedgingPolicy = HedgingPolicy()
    deliveries: RelayPolicy = RelayPolicy()
    retention: RetentionPolicy = RetentionPolicy()
    patrol: PatrolPolicy = PatrolPolicy()
    expiry: ExpiryPolicy = ExpiryPolicy()
