"""What the attempts tell to whoever counts them."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from providers.chain.breaker_state import BreakerSnapshot
from providers.chain.policy import OperationClass
from providers.errors import ProviderError


class Attempt(Struct, frozen=True, kw_only=True):
    """One try that ended: `seconds` includes the wait for a place, `number` is 1 for the first try.

    `outcome` is "ok", "cancelled", "bug", or that of the `error`; a refusal of ours is an attempt, too.
    """

    provider: str
    operation: OperationClass
    outcome: str
    seconds: float
    number: int
    error: ProviderError | None = None


class GivenUp(StrEnum):
    """Why a failure that another try might have mended was not tried again."""

    TRIES = "tries"
    DEADLINE = "deadline"
    BREAKER = "breaker"
    BUDGET = "budget"


class JournalCall(StrEnum):
    """What an operation waits for at the journal."""

    APPEND = "append"
    LOOK = "look"  # at what providers may not know yet


class AttemptObserver(Protocol):
    """Called from the event loop while a request waits: must be quick, and must not raise."""

    def tried(self, attempt: Attempt) -> None:
        """Take note of how one try ended."""

    def gave_up(self, provider: str, operation: OperationClass, reason: GivenUp) -> None:
        """Take note that there will be no further try."""


class ChainObserver(AttemptObserver, Protocol):
    """As for attempts, and for what happens above them."""

    def fell_back(self, source: str, target: str, operation: OperationClass, reason: str) -> None:
        """Take note that `target` is asked because `source` did not answer; `reason` is the outcome there."""

    def asked_journal(self, call: JournalCall, outcome: str, seconds: float) -> None:
        """Take note of one wait for the journal; `outcome` is as for attempts."""

    def delivered(self, provider: str, outcome: str, count: int) -> None:
        """Take note of deliveries in the background: done, postponed or dead."""

    def confirmed(self, provider: str, seconds: float) -> None:
        """Take note that one of those that were done had been accepted so many seconds before."""

    def routed(self, order: Sequence[str], complete: frozenset[str], *, journalled: bool) -> None:
        """Take note of who takes part from now on, home first if it is complete, and who has received everything."""

    def not_reached(self, provider: str, reason: str) -> None:
        """Take note that a provider takes part from now on that did not say who it is."""

    def reached(self, provider: str) -> None:
        """Take note that a provider has said who it is, asked beside the requests."""

    def breaker_changed(self, snapshot: BreakerSnapshot) -> None:
        """Take note of a breaker's new state."""

    def read_by(self, provider: str, instead_of: str | None, reason: str) -> None:
        """Take note of who has answered a read, if need be instead of the first one; `reason` is the outcome there."""

    def filling_postponed(self, provider: str, reason: str, next_try: float) -> None:
        """Take note that a newcomer cannot be filled now; it is tried again in `next_try` seconds."""


class Unobserved(ChainObserver):
    """Nobody counts."""

    def tried(self, attempt: Attempt) -> None:
        """Do nothing."""

    def gave_up(self, provider: str, operation: OperationClass, reason: GivenUp) -> None:
        """Do nothing."""

    def fell_back(self, source: str, target: str, operation: OperationClass, reason: str) -> None:
        """Do nothing."""

    def asked_journal(self, call: JournalCall, outcome: str, seconds: float) -> None:
        """Do nothing."""

    def delivered(self, provider: str, outcome: str, count: int) -> None:
        """Do nothing."""

    def confirmed(self, provider: str, seconds: float) -> None:
        """Do nothing."""

    def routed(self, order: Sequence[str], complete: frozenset[str], *, journalled: bool) -> None:
        """Do nothing."""

    def not_reached(self, provider: str, reason: str) -> None:
        """Do nothing."""

    def reached(self, provider: str) -> None:
        """Do nothing."""

    def breaker_changed(self, snapshot: BreakerSnapshot) -> None:
        """Do nothing."""

    def read_by(self, provider: str, instead_of: str | None, reason: str) -> None:
        """Do nothing."""

    def filling_postponed(self, provider: str, reason: str, next_try: float) -> None:
        """Do nothing."""
