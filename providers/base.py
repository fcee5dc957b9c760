"""The protocol that every place where memories live fulfils, and what each of its methods promises."""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from msgspec import UNSET, UnsetType

from providers.errors import ProviderError
from providers.filters import Filter
from providers.limits import DEFAULT_LIST_LIMIT, DEFAULT_RECALL_LIMIT, MAX_BATCH
from providers.types import Health, MemoryRecord, Metadata, NewMemory, Position, RecallQuery


@runtime_checkable
class MemoryProvider(Protocol):
    """Store a user's memories and find them again.

    Every method sees only the memories of `user_id`. Every method raises `Unavailable` when the backend cannot answer
    and `InvalidInput` when an argument breaks a rule of `providers/limits.py`; other errors stand with the method.
    Cancelling a call leaves the provider usable; a cancelled write happened wholly or not at all.
    """

    @abstractmethod
    async def remember(
        self,
        user_id: str,
        content: str,
        metadata: Metadata | None = None,
        *,
        memory_id: str | None = None,
        version: int | None = None,
        created_at: datetime | None = None,
    ) -> str:
        """Store one memory durably and give its id.

        The same `memory_id` with the same content and metadata again is the same memory, stored once, even if it was
        edited meanwhile: a retry neither undoes the edit nor fails. `created_at` is by default now, whatever
        the `version` says.

        Raises:
            Conflict: the id was stored with another content or other metadata.
            MemoryDeleted: the id was deleted; delete wins for ever.
        """
        raise NotImplementedError

    @abstractmethod
    async def recall(
        self,
        user_id: str,
        query: str,
        limit: int = DEFAULT_RECALL_LIMIT,
        *,
        where: Filter | None = None,
        created_from: datetime | None = None,
        created_before: datetime | None = None,
        min_score: float = 0.0,
    ) -> list[MemoryRecord]:
        """Find the memories nearest to the query, best first.

        Each has a `similarity_score` in [0, 1], above 0 and at least `min_score`; equal scores are ordered newest
        first. A memory whose words match is found from the moment it is stored.
        """
        raise NotImplementedError

    @abstractmethod
    async def delete(
        self, user_id: str, memory_id: str, *, version: int | None = None, edit_id: str | None = None
    ) -> bool:
        """Delete one memory for ever; False when there was none (any more).

        Nothing can be stored under the id of a deleted memory of this user afterwards. What was never there leaves no
        trace: ids can be made up without end, and each would be kept for ever. A repeat with the `edit_id` that deleted
        the memory is True again, so that a retry gets the answer that was lost.
        """
        raise NotImplementedError

    @abstractmethod
    async def delete_all(self, user_id: str, limit: int = MAX_BATCH) -> int:
        """Delete up to `limit` of a user's memories for ever, at most `MAX_BATCH`, the newest first; tell how many.

        As many as `limit` may not have been all. What is stored while the call lasts may stay.
        """
        raise NotImplementedError

    @abstractmethod
    async def list_memories(
        self,
        user_id: str,
        limit: int = DEFAULT_LIST_LIMIT,
        offset: int = 0,
        *,
        after: Position | None = None,
    ) -> list[MemoryRecord]:
        """List memories from newest to oldest, by `created_at` and then id, both descending.

        `after` continues behind a position; what is stored or deleted meanwhile neither repeats nor hides others.
        """
        raise NotImplementedError

    @abstractmethod
    async def health_check(self) -> Health:
        """Tell whether the provider can serve; never raises, an error is part of the answer."""
        raise NotImplementedError

    @abstractmethod
    async def get(self, user_id: str, memory_id: str) -> MemoryRecord:
        """Give one memory.

        Raises:
            MemoryNotFound: this user has no such memory.
        """
        raise NotImplementedError

    @abstractmethod
    async def update(
        self,
        user_id: str,
        memory_id: str,
        *,
        content: str | UnsetType = UNSET,
        metadata: Metadata | UnsetType | None = UNSET,
        version: int | None = None,
        edit_id: str | None = None,
    ) -> MemoryRecord:
        """Replace content, metadata or both, and give the memory as it is now.

        What is left out stays. A `version` not newer than what is stored changes nothing; without one the edit is newer
        than everything before it. An `edit_id` (a UUID) among the last 16 applied to this memory changes nothing
        either, so that a retry cannot undo a later edit. Its first 96 bits name the edit, the last 32 tell what it is.

        Raises:
            MemoryNotFound: this user has no such memory.
            Conflict: among them is another edit of that name.
        """
        raise NotImplementedError

    @abstractmethod
    async def remember_many(self, memories: Sequence[NewMemory]) -> list[str | ProviderError]:
        """Store up to 1,000 memories; the answer holds, in order, each one's id or why it was not stored.

        Raises:
            Unavailable: nothing is known of any of them; the same call may be repeated.
        """
        raise NotImplementedError

    @abstractmethod
    async def recall_many(self, queries: Sequence[RecallQuery]) -> list[list[MemoryRecord] | ProviderError]:
        """Answer up to 1,000 queries; the answer holds, in order, each one's memories or why there are none."""
        raise NotImplementedError
