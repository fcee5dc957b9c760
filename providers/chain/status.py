"""What a chain tells about itself: who takes part in which role, how each is, and what is still to be delivered."""

from enum import StrEnum

from msgspec import Struct

from providers.chain.backfill import Progress
from providers.chain.breaker_state import BreakerSnapshot
from providers.journal.operations import JournalStatus


class Role(StrEnum):
    """What a provider is in the chain."""

    HOME = "home"
    STANDBY = "standby"
    FILLING = "filling"  # gets every write, but has not received everything yet, so it answers nothing


class ProviderStatus(Struct, frozen=True, kw_only=True):
    """One provider: `oldest_pending_seconds` is the age of what it has waited for longest, 0 if nothing is pending.

    `progress` is how far this process has filled it, None where it is not being filled here; `reason` says why it
    cannot be filled now.
    """

    name: str
    role: Role
    breaker: BreakerSnapshot
    in_flight: int
    places: int
    retries_left: int
    pending: int = 0
    dead: int = 0
    oldest_pending_seconds: float = 0.0
    progress: Progress | None = None
    reason: str | None = None


class ChainStatus(Struct, frozen=True, kw_only=True):
    """The chain as one process sees it; without a journal, or while it is out of reach, `journal` is None."""

    order: tuple[str, ...]
    home: str | None
    providers: tuple[ProviderStatus, ...]
    journal: JournalStatus | None
    journal_error: str | None = None


class Choice(Struct, frozen=True, kw_only=True):
    """One provider that an operation would come to, and why it would be asked or not."""

    provider: str
    asked: bool
    why: str


class Explanation(Struct, frozen=True, kw_only=True):
    """Which way an operation would take now; `choices` in the order in which they would be tried."""

    operation: str
    choices: tuple[Choice, ...]
