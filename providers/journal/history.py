"""The part of a journal's protocol that is about superseded versions, the history of a memory."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from providers.errors import Rejected
from providers.journal.operations import KeptVersion
from providers.owners import Owner
from providers.types import Snapshot


class SupersededVersions(Protocol):
    """Keep the version that an append replaces as a record of its own, for as long as some member keeps history.

    The record is never changed: of one memory and version the first one stays. It keeps its number and its deliveries
    to the members that keep history; those to the others are dropped. Nothing but deliveries and `superseded` knows of
    it: it is never among the `entries`, it is not counted as an operation, and it does not judge an append. A deletion
    erases it with all others of its memory, and `prune` drops it as it drops an operation, but does not count it.

    As long as no member keeps history, an append makes no such record.
    """

    @abstractmethod
    async def superseded(self, owner: Owner, memory_id: str) -> list[Snapshot]:
        """Return the superseded versions of one memory that the journal still knows, in no order.

        Whether a provider has received them is not asked: a history is a set of versions.
        """

    @abstractmethod
    async def keep_versions(
        self, versions: Sequence[Snapshot], *, held: str | None = None, seconds: float = 0.0
    ) -> list[KeptVersion | Rejected]:
        """Make up to `MAX_APPENDED` versions durable that come from elsewhere, as if they had been superseded here.

        Each gets a delivery to every member that keeps history, due at once, but that to the provider `held` in
        `seconds`, until which the caller makes it. The answers are in order: `OwnerErased` if the owner was erased up
        to the version or above, `MemoryDeleted` if a tombstone is known. A version that is kept already stays as it is.

        Raises:
            ValueError: there are more than `MAX_APPENDED` versions.
        """

    @abstractmethod
    async def note_history(self, name: str, *, keeps: bool) -> None:
        """Note whether a member keeps the history of memories; an unknown name is ignored.

        One that begins to keep it gets a delivery of every superseded version that the journal still knows, one that
        ends loses those that it has not confirmed.
        """
