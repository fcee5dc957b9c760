"""A provider with a bug in every method, whose error repeats all that it was told."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import UNSET, UnsetType

from providers.base import MemoryProvider
from providers.errors import ProviderError
from providers.filters import Filter
from providers.types import Health, MemoryRecord, Metadata, NewMemory, Position, RecallQuery


class BabblingProvider(MemoryProvider):
    """Raise what a library might raise: an error with the arguments in its words, its cause, and its notes."""

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
        """Fail as a group of tasks does."""
        inner = [RuntimeError(content), ValueError(user_id, memory_id, version, created_at)]
        raise ExceptionGroup(content, [*inner, ExceptionGroup(str(metadata), [KeyError(content)])])

    async def recall(
        self,
        user_id: str,
        query: str,
        limit: int = 10,
        *,
        where: Filter | None = None,
        created_from: datetime | None = None,
        created_before: datetime | None = None,
        min_score: float = 0.0,
    ) -> list[MemoryRecord]:
        """Fail while another error is handled."""
        try:
            return dict[str, list[MemoryRecord]]()[query]
        except KeyError:
            raise ValueError(user_id, query, limit, where, created_from, created_before, min_score)  # noqa: B904 - the point

    async def delete(
        self, user_id: str, memory_id: str, *, version: int | None = None, edit_id: str | None = None
    ) -> bool:
        """Fail with a note."""
        error = LookupError(user_id, memory_id, version, edit_id)
        error.add_note(user_id)
        raise error

    async def delete_all(self, user_id: str, limit: int = 1_000) -> int:
        """Fail in a line that shows something."""
        raise LookupError(f"{user_id} {limit}")

    async def list_memories(
        self, user_id: str, limit: int = 100, offset: int = 0, *, after: Position | None = None
    ) -> list[MemoryRecord]:
        """Fail in a line that shows nothing."""
        raise UnicodeEncodeError("ascii", f"{user_id}{limit}{offset}{after}\ud800", 0, 1, user_id)

    async def health_check(self) -> Health:
        """Fail too."""
        raise RuntimeError("health")

    async def get(self, user_id: str, memory_id: str) -> MemoryRecord:
        """Fail because of another error."""
        raise RuntimeError(user_id) from KeyError(memory_id)

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
        """Fail because of an error that quotes what it could not read."""
        try:
            int(f"{content}{metadata}")
        except ValueError as error:
            raise LookupError(user_id, memory_id, version, edit_id) from error
        raise RuntimeError(content)

    async def remember_many(self, memories: Sequence[NewMemory]) -> list[str | ProviderError]:
        """Fail with everything at once."""
        raise RuntimeError(memories)

    async def recall_many(self, queries: Sequence[RecallQuery]) -> list[list[MemoryRecord] | ProviderError]:
        """Fail with everything at once."""
        raise RuntimeError(queries)
