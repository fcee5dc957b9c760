"""The status of a chain: the role and health of each provider, and what is still to be delivered to it."""

from enum import StrEnum

from msgspec import Struct

from providers.chain.backfill import Progress
from providers.chain.breaker_state import BreakerSnapshot
from providers.embedding_progress import EmbeddingProgress
from providers.journal.operations import JournalStatus


class Role(StrEnum):
    """The role of a provider in the chain."""

    HOME = "home"
    STANDBY = "standby"
    FILLING = "filling"  # receives every write but has not received everything yet, so it answers no reads
    RESTORED = "restored"  # had received everything and lost some; it answers, marked, while nobody complete can

    @property
    def incomplete(self) -> bool:
        """Whether such a provider lacks something."""
        return self in {Role.FILLING, Role.RESTORED}


class ProviderStatus(Struct, frozen=True, kw_only=True):
    """One provider: `oldest_pending_seconds` is the age of its oldest pending delivery, 0 if none is pending.

    `background_tries` of the calls `in_flight` are for writes whose callers were answered before.

    `progress` is how far this process has backfilled it, None where it is not being backfilled here; `reason` says why
    it cannot be backfilled now, or why its store is `refused`, or `unreached` and has never said which store it is.
    `epoch` counts the states to which its store was reset, and `mark` is the number of the last mark in it, 0 before
    the first one; both are None while the journal does not answer. `behind_seconds` is how far back a restored store
    was put, None if that is not known. `differences` counts, by kind, the memories in which it differs from the other
    complete providers and which this process, while it patrols, may not heal. `patience` is the seconds, by class of
    operations, after which another provider is asked as well; it is `asked_second` while most of its answers take
    longer, and another provider is quicker. `embedding` is how far this process has come with vectors of another model,
    None while no embedder is exchanged.
    """

    name: str
    role: Role
    breaker: BreakerSnapshot
    in_flight: int
    places: int
    retries_left: int
    background_tries: int = 0
    pending: int = 0
    dead: int = 0
    oldest_pending_seconds: float = 0.0
    progress: Progress | None = None
    reason: str | None = None
    refused: bool = False
    unreached: bool = False
    epoch: int | None = None
    mark: int | None = None
    behind_seconds: float | None = None
    differences: dict[str, int] = {}
    patience: dict[str, float] = {}
    asked_second: bool = False
    embedding: EmbeddingProgress | None = None


class ChainStatus(Struct, frozen=True, kw_only=True):
    """The chain as one process sees it; `journal` is None without a journal, or while it does not answer."""

    order: tuple[str, ...]
    home: str | None
    providers: tuple[ProviderStatus, ...]
    journal: JournalStatus | None
    journal_error: str | None = None


class Choice(Struct, frozen=True, kw_only=True):
    """One provider on the route of an operation, whether it would be asked, and why."""

    provider: str
    asked: bool
    why: str


class Explanation(Struct, frozen=True, kw_only=True):
    """The route that an operation would take now; `choices` are in the order in which they would be tried."""

    operation: str
    choices: tuple[Choice, ...]
