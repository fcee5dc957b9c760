"""What the attempts tell to whoever counts them."""

from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from providers.chain.policy import OperationClass


class Attempt(Struct, frozen=True, kw_only=True):
    """One try that ended: `seconds` includes the wait for a place, `number` is 1 for the first try.

    `outcome` is "ok", "cancelled", "bug", or that of the error; a refusal of ours is an attempt, too.
    """

    provider: str
    operation: OperationClass
    outcome: str
    seconds: float
    number: int


class GivenUp(StrEnum):
    """Why a failure that another try might have mended was not tried again."""

    TRIES = "tries"
    DEADLINE = "deadline"
    BREAKER = "breaker"
    BUDGET = "budget"


class AttemptObserver(Protocol):
    """Called from the event loop while a request waits: must be quick, and must not raise."""

    def tried(self, attempt: Attempt) -> None:
        """Take note of how one try ended."""

    def gave_up(self, provider: str, operation: OperationClass, reason: GivenUp) -> None:
        """Take note that there will be no further try."""


class Unobserved(AttemptObserver):
    """Nobody counts."""

    def tried(self, attempt: Attempt) -> None:
        """Do nothing."""

    def gave_up(self, provider: str, operation: OperationClass, reason: GivenUp) -> None:
        """Do nothing."""
