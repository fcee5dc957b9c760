"""MemoryProvider: a store with the method signatures of SPEC-020 and of its first extensions."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from msgspec import UNSET, UnsetType

from providers.answers import Found, Stored
from providers.errors import ProviderError
from providers.filters import Filter
from providers.limits import DEFAULT_LIST_LIMIT, DEFAULT_RECALL_LIMIT, MAX_BATCH, MAX_LIST_LIMIT, check_range
from providers.owners import Owner
from providers.positions import Position
from providers.store import MemoryStore
from providers.types import Deletion, Edit, MemoryRecord, Metadata, NewMemory, PageQuery, RecallQuery


@runtime_checkable
class MemoryProvider(MemoryStore, Protocol):
    """Store a user's memories and find them again.

    The methods here take the user's id and plain arguments, as the specification writes them. Each builds one value and
    passes it to the method of `MemoryStore` that takes it, where promises and errors are documented.
    """

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
        """Store one memory, and return its id."""
        owner = Owner(user_id)
        memory = NewMemory(
            owner=owner, content=content, metadata=metadata, memory_id=memory_id, version=version, created_at=created_at
        )
        return (await self.store(memory)).id

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
        """Return the memories nearest to the query, best first."""
        found = await self.find(
            RecallQuery(
                owner=Owner(user_id),
                query=query,
                limit=limit,
                where=where,
                created_from=created_from,
                created_before=created_before,
                min_score=min_score,
            )
        )
        return found.memories

    async def delete(
        self, user_id: str, memory_id: str, *, version: int | None = None, edit_id: str | None = None
    ) -> bool:
        """Delete one memory for ever; return False where there was none."""
        deletion = Deletion(owner=Owner(user_id), memory_id=memory_id, version=version, edit_id=edit_id)
        return (await self.erase(deletion)).count > 0

    async def delete_all(self, user_id: str, limit: int = MAX_BATCH) -> int:
        """Delete up to `limit` of a user's memories for ever, and return how many."""
        return (await self.erase_all(Owner(user_id), limit)).count

    async def list_memories(
        self, user_id: str, limit: int = DEFAULT_LIST_LIMIT, offset: int = 0, *, after: Position | None = None
    ) -> list[MemoryRecord]:
        """Return a page of a user's memories, from newest to oldest; `page` has larger ones."""
        check_range("limit", limit, 1, MAX_LIST_LIMIT)
        page = await self.page(PageQuery(owner=Owner(user_id), limit=limit, offset=offset, after=after))
        return page.memories

    async def get(self, user_id: str, memory_id: str) -> MemoryRecord:
        """Return one memory."""
        return (await self.fetch(Owner(user_id), memory_id)).memory

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
        """Replace content, metadata or both, and return the memory as it is now."""
        owner = Owner(user_id)
        edit = Edit(
            owner=owner, memory_id=memory_id, content=content, metadata=metadata, version=version, edit_id=edit_id
        )
        return (await self.change(edit)).memory

    async def remember_many(self, memories: Sequence[NewMemory]) -> list[str | ProviderError]:
        """Store many memories; return each one's id, or why it was not stored."""
        return [one.id if isinstance(one, Stored) else one for one in await self.store_many(memories)]

    async def recall_many(self, queries: Sequence[RecallQuery]) -> list[list[MemoryRecord] | ProviderError]:
        """Answer many queries; return each one's memories, or the error."""
        return [one.memories if isinstance(one, Found) else one for one in await self.find_many(queries)]
