"""The methods of a provider that can be wrapped, as SPEC-020 declares them."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from providers.types import Metadata


class BasicProvider(Protocol):
    """The methods without which nothing can be wrapped."""

    async def remember(self, user_id: str, content: str, metadata: Metadata | None = None) -> Any:  # noqa: ANN401 - a string; others than ours exist
        """Store a memory and return its id."""

    async def recall(self, user_id: str, query: str, limit: int = 10) -> Sequence[Any]:
        """Return the memories nearest to a query, best first."""

    async def health_check(self) -> Any:  # noqa: ANN401 - a stranger's dict
        """Return `healthy`, `provider`, and `error` if there is one."""


@runtime_checkable
class ListsMemories(Protocol):
    """A provider that can list."""

    async def list_memories(self, user_id: str, limit: int = 100, offset: int = 0) -> Sequence[Any]:
        """Return a page of a user's memories."""


@runtime_checkable
class DeletesMemories(Protocol):
    """A provider that can delete."""

    async def delete(self, user_id: str, memory_id: Any) -> bool:  # noqa: ANN401 - as it was listed
        """Delete a memory, and return whether there was one."""
