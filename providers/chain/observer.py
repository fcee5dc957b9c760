"""The observers of a chain, which count, log and measure what happens in it."""

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from providers.chain.breaker_state import BreakerSnapshot
from providers.chain.policy import OperationClass
from providers.errors import ProviderError
from providers.types import MemoryRecord


class Attempt(Struct, frozen=True, kw_only=True):
    """One try that ended: `seconds` includes the wait for a slot, `number` is 1 for the first try.

    `outcome` is "ok", "cancelled", "bug", or that of the `error`; a refusal of our own is an attempt, too.
    """

    provider: str
    operation: OperationClass
    outcome: str
    seconds: float
    number: int
    error: ProviderError | None = None


class GivenUp(StrEnum):
    """The reason why a failure that another try might have fixed was not retried."""

    TRIES = "tries"
    DEADLINE = "deadline"
    BREAKER = "breaker"
    BUDGET = "budget"


class LateEnd(StrEnum):
    """How a try of a write ended whose caller was answered before."""

    ANSWERED = "answered"
    FAILED = "failed"
    GIVEN_UP = "given_up"  # as one too many, or because the process ends


class HedgeEvent(StrEnum):
    """What happened to a hedge: a call that was to be made beside another one that is slow."""

    SENT = "sent"
    WON = "won"  # its answer was taken
    LOST = "lost"
    REFUSED = "refused"  # by the budget


class JournalCall(StrEnum):
    """The calls to the journal for which an operation waits."""

    APPEND = "append"
    LOOK = "look"  # at what providers may not know yet


class SlowReason(StrEnum):
    """Why a write is slowed down."""

    OLD = "old_backlog"  # what waits for home has waited for long
    LARGE = "large_backlog"  # so much of one user waits for home


class StoreEvent(StrEnum):
    """What was found out about the store behind a provider, or by it."""

    ROLLED_BACK = "rolled_back"  # it has lost what it had
    REPLACED = "replaced"  # another store has the name now
    SUSPECTED = "suspected"  # it may lack some of what it had
    REFUSED = "refused"  # it is not accepted under this name
    JOURNAL_ROLLED_BACK = "journal_rolled_back"  # it knows more than the journal, which has lost operations


class AttemptObserver:
    """Observe attempts; called from the event loop while a request waits, so it must be quick and must not raise."""

    def tried(self, attempt: Attempt) -> None:
        """Handle the end of one try."""

    def gave_up(self, provider: str, operation: OperationClass, reason: GivenUp) -> None:
        """Handle the decision that there will be no further try."""


class ChainObserver(AttemptObserver):
    """Observe attempts, and what happens above them."""

    def fell_back(self, source: str, target: str, operation: OperationClass, reason: str) -> None:
        """Handle a fallback: `target` is asked because `source` did not answer; `reason` is the outcome there."""

    def hedged(self, provider: str, operation: OperationClass, event: HedgeEvent) -> None:
        """Handle an event of a hedge that asks, or would have asked, this provider."""

    def asked_journal(self, call: JournalCall, outcome: str, seconds: float) -> None:
        """Handle the end of one call to the journal; `outcome` is as for attempts."""

    def delivered(self, provider: str, outcome: str, count: int) -> None:
        """Handle deliveries in the background that ended as done, postponed or dead."""

    def confirmed(self, provider: str, seconds: float) -> None:
        """Handle a delivery that is done, of an operation that was accepted this many seconds before."""

    def ended_late(self, provider: str, end: LateEnd) -> None:
        """Handle the end of a try of a write that went on after its caller was answered."""

    def slowed(self, reason: SlowReason) -> None:
        """Handle a write that is slowed down because of what waits for home."""

    def routed(self, order: Sequence[str], complete: frozenset[str], *, journalled: bool) -> None:
        """Handle a new route: the order, home first if it is in sync, and the providers in sync."""

    def not_reached(self, provider: str, reason: str) -> None:
        """Handle a provider that takes part from now on and whose identity could not be read."""

    def reached(self, provider: str) -> None:
        """Handle a provider whose identity was read in the background."""

    def breaker_changed(self, snapshot: BreakerSnapshot) -> None:
        """Handle the new state of a breaker."""

    def read_by(self, provider: str, instead_of: str | None, reason: str) -> None:
        """Handle a read that `provider` answered, `instead_of` the first one if given, for the `reason` there."""

    def contradicted(self, provider: str) -> None:
        """Handle a provider that does not show what it confirmed longer ago than it may be stale."""

    def met_store(self, provider: str, event: StoreEvent) -> None:
        """Handle what the store behind a provider has turned out to be."""

    def filling_postponed(self, provider: str, reason: str, next_try: float) -> None:
        """Handle a backfill that cannot be done now; the next try comes in `next_try` seconds."""

    def expired(self, provider: str, count: int) -> None:
        """Handle memories that had expired at a provider and are erased now."""

    def erasing(self, count: int, oldest_seconds: float) -> None:
        """Handle how many erasures of users are not finished, and the age of the oldest one, 0 if there is none."""

    def purged(self, provider: str, count: int) -> None:
        """Handle states of users who are being erased that were removed from a provider."""

    def retained(self, provider: str, rule: str, memories: Sequence[MemoryRecord]) -> None:
        """Handle memories that a rule of retention has made due at a provider, and that are erased now."""

    def healed(self, provider: str, kind: str) -> None:
        """Handle a difference of this kind between complete stores that the patrol has healed at a provider."""


class Unobserved(ChainObserver):
    """Observe nothing."""
