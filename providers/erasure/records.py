"""The protocol of whoever keeps the erasures of an installation: its journal, or a file where there is no journal."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from providers.erasure.fences import Fence
from providers.erasure.receipts import ErasedInJournal, Erasure

MAX_FENCES = 1_000  # in one call
MAX_ERASURES = 1_000  # in one call


class Fences(Struct, frozen=True):
    """Fences behind a number, and the number behind which the next ones come."""

    fences: list[Fence]
    last: int


class ErasureRecords(Protocol):
    """Keep erasures until they are too old, and the list of fences with them; both are shared by all processes."""

    @abstractmethod
    async def fences(self, after: int = 0) -> Fences:
        """Return up to `MAX_FENCES` fences that were put or raised behind a number, in that order."""

    @abstractmethod
    async def add_fences(self, fences: Sequence[Fence]) -> None:
        """Add fences that a store or a file has kept; of two for one owner the higher stays."""

    @abstractmethod
    async def begin_erasure(self, erasure: Erasure) -> Erasure:
        """Write an erasure down; if one is going on for the owner, count the request there; return what is there."""

    @abstractmethod
    async def fence(self, erasure: Erasure, key: str) -> Erasure:
        """Put the fence of an erasure, at its version or above all that the journal holds of the owner; return it.

        Nor is the tombstone of what the journal holds, which whoever has not heard of the fence may leave.
        From then on the journal takes no state of the owner that is not above the fence.
        """

    @abstractmethod
    async def note_erasure(self, erasure: Erasure) -> None:
        """Replace what is written down of an erasure; an unknown one is ignored.

        One that was requested once more meanwhile stays so, and is not finished by this.
        """

    @abstractmethod
    async def erasure(self, erasure_id: str) -> Erasure | None:
        """Return an erasure, None if there is none."""

    @abstractmethod
    async def erasures(self, limit: int, *, open_only: bool = False) -> list[Erasure]:
        """Return up to `limit` erasures, the newest first; with `open_only` those that are not confirmed yet."""

    @abstractmethod
    async def purge(self, owner_key: str, version: int) -> ErasedInJournal:
        """Remove all that the journal holds of an owner up to a version: operations, deliveries, versions and notes."""

    @abstractmethod
    async def drop_erasures(self, seconds: float) -> int:
        """Drop fences and confirmed erasures that are older than `seconds`; return how many fences went."""
