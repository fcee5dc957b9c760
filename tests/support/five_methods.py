"""A provider of somebody else's that has the five methods of SPEC-020 and knows nothing of ours."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any


class FiveMethodProvider:
    """Number the memories, list the oldest first and at most `page_cap` at a time, score by shared words.

    Every method raises `error` while it is set, and storing the content `unstorable` fails. `recall_cap` bounds what a
    search returns, whatever its limit. `mint` makes an id of a number. With `mixes_up_users` everybody is shown
    everything. The first `shrinks_by` memories of a page are deleted once they are listed. `calls` are the methods
    called, with their numbers.
    """

    def __init__(self, page_cap: int = 50) -> None:
        self.memories: dict[object, dict[str, Any]] = {}
        self.error: Exception | None = None
        self.unstorable: str | None = None
        self.page_cap = page_cap
        self.recall_cap = 10_000
        self.mint: Callable[[int], Any] = lambda number: number
        self.mixes_up_users = False
        self.shrinks_by = 0
        self.calls: list[tuple[object, ...]] = []
        self._moment = datetime(2026, 7, 28, 12, tzinfo=UTC)

    async def remember(self, user_id: str, content: str, metadata: dict[str, Any] | None = None) -> Any:  # noqa: ANN401 - as minted
        """Store a memory."""
        self._called("remember")
        if content == self.unstorable:
            raise RuntimeError(content)
        memory_id = self.mint(1_000 + len(self.calls))
        self._moment += timedelta(seconds=1)
        self.memories[memory_id] = {
            "id": memory_id,
            "user_id": user_id,
            "content": content,
            "metadata": metadata,
            "created_at": self._moment.isoformat(),
        }
        return memory_id

    async def recall(self, user_id: str, query: str, limit: int = 10) -> list[dict[str, Any]]:
        """Find memories by the share of the query's words that they have."""
        self._called("recall", limit)
        words = set(query.split())
        scored = [
            memory | {"similarity_score": len(words & set(memory["content"].split())) / len(words)}
            for memory in self._of(user_id)
        ]
        return sorted(scored, key=lambda memory: -memory["similarity_score"])[: min(limit, self.recall_cap)]

    async def delete(self, user_id: str, memory_id: object) -> bool:
        """Delete a memory, whichever user it belongs to."""
        self._called("delete", user_id, memory_id)
        return self.memories.pop(memory_id, None) is not None

    async def list_memories(self, user_id: str, limit: int = 100, offset: int = 0) -> list[dict[str, Any]]:
        """List memories from the oldest to the newest."""
        self._called("list_memories", limit, offset)
        page = self._of(user_id)[offset : offset + min(limit, self.page_cap)]
        for memory in page[: self.shrinks_by]:
            del self.memories[memory["id"]]
        return page

    async def health_check(self) -> dict[str, Any]:
        """Return what the specification asks for, and more."""
        self._called("health_check")
        return {"healthy": True, "provider": "Five", "total_memories": len(self.memories)}

    def _of(self, user_id: str) -> list[dict[str, Any]]:
        return [one for one in self.memories.values() if self.mixes_up_users or one["user_id"] == user_id]

    def _called(self, *call: object) -> None:
        self.calls.append(call)
        if self.error is not None:
            raise self.error
