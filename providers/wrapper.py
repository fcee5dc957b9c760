"""A wrapper around a provider: what is done around every call is written once."""

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from providers.answers import Changed, DeletedBy, Erased, Fetched, Found, Stored
from providers.base import MemoryProvider
from providers.errors import ProviderError
from providers.feed import FeedPage, FeedQuery
from providers.health import Health
from providers.histories import HistoriesPage, HistoriesQuery
from providers.history import HistoryPage, HistoryQuery
from providers.limits import MAX_BATCH
from providers.owners import Owner
from providers.touches import Touch
from providers.types import ALL, Conditions, Deletion, Edit, NewMemory, PageQuery, RecallQuery, Snapshot

Result = TypeVar("Result")

Call = Callable[[MemoryProvider], Awaitable[Result]]


class OperationName(StrEnum):
    """The operations of a provider, by the names that the specification gives them."""

    REMEMBER = "remember"
    REMEMBER_MANY = "remember_many"
    RECALL = "recall"
    RECALL_MANY = "recall_many"
    GET = "get"
    LIST = "list_memories"
    FEED = "feed"
    HISTORY = "history"
    HISTORIES = "histories"
    KEEP_VERSIONS = "keep_versions"
    UPDATE = "update"
    UPDATE_MANY = "update_many"
    TOUCH = "touch"
    DELETE = "delete"
    DELETE_MANY = "delete_many"
    DELETE_ALL = "delete_all"
    HEALTH = "health_check"


class Wrapper(MemoryProvider, Protocol):
    """Pass every call to `through`, which makes it with the wrapped provider and returns or raises the outcome.

    The methods are no coroutine functions themselves, so that a wrapper adds one frame to a call and not two.
    """

    @abstractmethod
    async def through(self, operation: OperationName, call: Call[Result], size: int = 1) -> Result:
        """Make one call, which concerns `size` memories or queries."""

    def store(self, memory: NewMemory) -> Coroutine[Any, Any, Stored]:
        """See `MemoryStore`."""
        return self.through(OperationName.REMEMBER, lambda provider: provider.store(memory))

    def store_many(self, memories: Sequence[NewMemory]) -> Coroutine[Any, Any, list[Stored | ProviderError]]:
        """See `MemoryStore`."""
        return self.through(OperationName.REMEMBER_MANY, lambda provider: provider.store_many(memories), len(memories))

    def find(self, query: RecallQuery) -> Coroutine[Any, Any, Found]:
        """See `MemoryStore`."""
        return self.through(OperationName.RECALL, lambda provider: provider.find(query))

    def find_many(self, queries: Sequence[RecallQuery]) -> Coroutine[Any, Any, list[Found | ProviderError]]:
        """See `MemoryStore`."""
        return self.through(OperationName.RECALL_MANY, lambda provider: provider.find_many(queries), len(queries))

    def fetch(self, owner: Owner, memory_id: str) -> Coroutine[Any, Any, Fetched]:
        """See `MemoryStore`."""
        return self.through(OperationName.GET, lambda provider: provider.fetch(owner, memory_id))

    def page(self, query: PageQuery) -> Coroutine[Any, Any, Found]:
        """See `MemoryStore`."""
        return self.through(OperationName.LIST, lambda provider: provider.page(query))

    def feed(self, query: FeedQuery) -> Coroutine[Any, Any, FeedPage]:
        """See `MemoryStore`."""
        return self.through(OperationName.FEED, lambda provider: provider.feed(query))

    def history(self, query: HistoryQuery) -> Coroutine[Any, Any, HistoryPage]:
        """See `MemoryStore`."""
        return self.through(OperationName.HISTORY, lambda provider: provider.history(query))

    def histories(self, query: HistoriesQuery) -> Coroutine[Any, Any, HistoriesPage]:
        """See `MemoryStore`."""
        return self.through(OperationName.HISTORIES, lambda provider: provider.histories(query))

    def keep_versions(self, versions: Sequence[Snapshot]) -> Coroutine[Any, Any, list[Stored | ProviderError | None]]:
        """See `MemoryStore`."""
        return self.through(
            OperationName.KEEP_VERSIONS, lambda provider: provider.keep_versions(versions), len(versions)
        )

    def put_keyed(self, memory: NewMemory) -> Coroutine[Any, Any, Stored | Changed | None]:
        """See `MemoryStore`; it remembers what is put, whether it is new or takes the place of something."""
        return self.through(OperationName.REMEMBER, lambda provider: provider.put_keyed(memory))

    def change(self, edit: Edit) -> Coroutine[Any, Any, Changed]:
        """See `MemoryStore`."""
        return self.through(OperationName.UPDATE, lambda provider: provider.change(edit))

    def change_many(self, edits: Sequence[Edit]) -> Coroutine[Any, Any, list[Changed | ProviderError]]:
        """See `MemoryStore`."""
        return self.through(OperationName.UPDATE_MANY, lambda provider: provider.change_many(edits), len(edits))

    def touch(self, touches: Sequence[Touch]) -> Coroutine[Any, Any, None]:
        """See `MemoryStore`."""
        return self.through(OperationName.TOUCH, lambda provider: provider.touch(touches), len(touches))

    def erase_many(self, deletions: Sequence[Deletion]) -> Coroutine[Any, Any, list[Erased | ProviderError]]:
        """See `MemoryStore`."""
        return self.through(OperationName.DELETE_MANY, lambda provider: provider.erase_many(deletions), len(deletions))

    def erase(self, deletion: Deletion) -> Coroutine[Any, Any, Erased]:
        """See `MemoryStore`."""
        return self.through(OperationName.DELETE, lambda provider: provider.erase(deletion))

    def deleted_by(self, owner: Owner, edit_id: str) -> Coroutine[Any, Any, DeletedBy]:
        """See `MemoryStore`; it is a look for one memory."""
        return self.through(OperationName.GET, lambda provider: provider.deleted_by(owner, edit_id))

    def erase_all(
        self, owner: Owner, limit: int = MAX_BATCH, conditions: Conditions = ALL
    ) -> Coroutine[Any, Any, Erased]:
        """See `MemoryStore`."""
        return self.through(
            OperationName.DELETE_ALL, lambda provider: provider.erase_all(owner, limit, conditions), limit
        )

    def health_check(self) -> Coroutine[Any, Any, Health]:
        """See `MemoryStore`."""
        return self.through(OperationName.HEALTH, lambda provider: provider.health_check())
