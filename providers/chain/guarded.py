"""GuardedProvider: a single provider without a journal, called within limits and with retries."""

import time
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar
from uuid import uuid4

from msgspec.structs import replace

from observability import notes
from providers import limits
from providers.answers import Answer, Changed, Erased, Found, Stored
from providers.chain.deadline import CallOptions, Clock, Deadline, Shutdown
from providers.chain.errors import BreakerOpen, list_of_nobody
from providers.chain.link import Link
from providers.chain.policy import RECALL_WEIGHT, OperationClass
from providers.chain.recall_batch import RecallBatch
from providers.chain.store_batch import SLICE_CHARS, SLICE_MEMORIES, store_slices
from providers.chain.touching import touch_one
from providers.errors import FeedLost, ProviderError, Rejected, SessionLost, Unsupported
from providers.feed import FeedPage, FeedQuery
from providers.health import Health
from providers.limits import MAX_BATCH
from providers.owners import Owner
from providers.states.clock import HybridClock, new_memory_id
from providers.timing.turns import in_turns
from providers.touches import Touch, check_touches
from providers.types import ALL, Conditions, Deletion, Edit, NewMemory, PageQuery, RecallQuery
from providers.wrapper import Call, OperationName, Result, Wrapper

_CLASSES = {
    OperationName.REMEMBER: OperationClass.REMEMBER,
    OperationName.REMEMBER_MANY: OperationClass.REMEMBER,
    OperationName.UPDATE: OperationClass.REMEMBER,
    OperationName.RECALL: OperationClass.RECALL,
    OperationName.UPDATE_MANY: OperationClass.REMEMBER,
    OperationName.KEEP_VERSIONS: OperationClass.REMEMBER,
    OperationName.DELETE: OperationClass.DELETE,
    OperationName.DELETE_MANY: OperationClass.DELETE,
    OperationName.DELETE_ALL: OperationClass.DELETE,
}
Change = TypeVar("Change", Edit, Deletion)
_READS = {OperationClass.READ, OperationClass.RECALL}
_COMPARE = "write only over one version of a memory, as If-Match asks for"


class GuardedProvider(Wrapper):
    """Pass every call on with ids and moments minted here, so that a retry is the same write as the first try."""

    def __init__(
        self, link: Link, clock: HybridClock, now: Clock = time.monotonic, shutdown: Shutdown | None = None
    ) -> None:
        self.link = link
        self._shutdown = shutdown
        self._clock = clock
        self._now = now

    async def through(self, operation: OperationName, call: Call[Result], size: int = 1) -> Result:
        """Make the call within its limits, and put the name of the provider into the result.

        Memories that a try without an answer has deleted are not in the count.
        """
        size = max(1, size)
        kind = _CLASSES.get(operation, OperationClass.READ)
        self._check_session(kind)
        return await self._called(kind, call, self._deadline(kind, size), size)

    def store(self, memory: NewMemory) -> Coroutine[Any, Any, Stored]:
        """See `MemoryStore`."""
        return super().store(self._minted(memory))

    def puts_keyed(self, owner: Owner) -> bool:
        """See `MemoryStore`."""
        return self.link.provider.puts_keyed(owner)

    def put_keyed(self, memory: NewMemory) -> Coroutine[Any, Any, Stored | Changed | None]:
        """See `MemoryStore`."""
        return super().put_keyed(self._minted(memory))

    async def store_many(self, memories: Sequence[NewMemory]) -> list[Stored | ProviderError]:
        """See `MemoryStore`; a large batch is stored in slices, each with what is left of the time."""
        minted = await in_turns(self._minted, memories)
        if len(minted) <= SLICE_MEMORIES and sum(len(memory.content) for memory in minted) <= SLICE_CHARS:
            return await super().store_many(minted)
        return await self._store_slices(minted)

    async def find_many(self, queries: Sequence[RecallQuery]) -> list[Found | ProviderError]:
        """See `MemoryStore`; a few queries run at a time, each with the deadline of a single one."""
        limits.check_batch("queries", queries)
        self._check_session(OperationClass.RECALL)
        end = self._deadline(OperationClass.RECALL, RECALL_WEIGHT * len(queries))

        def ask(query: RecallQuery) -> Coroutine[Any, Any, Found]:
            deadline = self._deadline(OperationClass.RECALL).earlier(end.remaining())
            return self._called(OperationClass.RECALL, lambda provider: provider.find(query), deadline)

        return await RecallBatch(end).answers(queries, ask)

    def page(self, query: PageQuery) -> Coroutine[Any, Any, Found]:
        """See `MemoryStore`."""
        if query.after is not None and query.provider not in {None, self.link.name}:
            return _refused(list_of_nobody(str(query.provider)))
        return super().page(query)

    async def feed(self, query: FeedQuery) -> FeedPage:
        """See `MemoryStore`."""
        if query.after is not None and query.provider != self.link.name:
            raise FeedLost(f"the cursor is of the provider {query.provider}")
        return await super().feed(query)

    def change(self, edit: Edit) -> Coroutine[Any, Any, Changed]:
        """See `MemoryStore`."""
        return super().change(self._named_change(edit))

    def change_many(self, edits: Sequence[Edit]) -> Coroutine[Any, Any, list[Changed | ProviderError]]:
        """See `MemoryStore`."""
        return super().change_many([self._named_change(edit) for edit in edits])

    async def touch(self, touches: Sequence[Touch]) -> None:
        """See `MemoryStore`."""
        await touch_one(self.link, check_touches(touches), self._now)

    def erase(self, deletion: Deletion) -> Coroutine[Any, Any, Erased]:
        """See `MemoryStore`."""
        return super().erase(self._named_change(deletion))

    def erase_many(self, deletions: Sequence[Deletion]) -> Coroutine[Any, Any, list[Erased | ProviderError]]:
        """See `MemoryStore`."""
        return super().erase_many([self._named_change(deletion) for deletion in deletions])

    async def erase_all(self, owner: Owner, limit: int = MAX_BATCH, conditions: Conditions = ALL) -> Erased:
        """See `MemoryStore`; memories that a try without an answer has deleted are not in the count."""
        limits.check_erase_all(owner, limit, conditions)
        return await super().erase_all(owner, limit, conditions)

    async def health_check(self) -> Health:
        """See `MemoryStore`."""
        return await self.link.provider.health_check()

    async def _store_slices(self, memories: Sequence[NewMemory]) -> list[Stored | ProviderError]:
        limits.check_batch("memories", memories)
        end = self._deadline(OperationClass.REMEMBER, len(memories))

        def store_many(part: Sequence[NewMemory]) -> Coroutine[Any, Any, list[Stored | ProviderError]]:
            return self._called(OperationClass.REMEMBER, lambda provider: provider.store_many(part), end, len(part))

        return await store_slices(memories, store_many, end)

    def _deadline(self, kind: OperationClass, size: int = 1) -> Deadline:
        return Deadline.of_request(self.link.attempts.seconds(kind, size), self._now, self._shutdown)

    def _check_session(self, kind: OperationClass) -> None:
        if kind in _READS and (request := notes.current.get()) is not None and request.session is not None:
            raise SessionLost("there is no journal any more")

    async def _called(self, kind: OperationClass, call: Call[Result], deadline: Deadline, size: int = 1) -> Result:
        try:
            try:
                result = await self.link.call(call, kind, CallOptions(deadline), size=size)
            except BreakerOpen:
                # No other provider can be asked, so waiting for the end of the pause would gain nothing.
                result = await self.link.call(call, kind, CallOptions(deadline, last_resort=True), size=size)
        except Rejected as error:
            error.answer = Answer(provider=self.link.name)
            raise
        return self._named(result)

    def _named(self, result: Result) -> Result:
        """Return an answer or a refusal, or each of a list, with the name of this provider."""
        if isinstance(result, Answer):
            return replace(result, provider=self.link.name)
        if isinstance(result, ProviderError):
            result.answer = Answer(provider=self.link.name)
        if isinstance(result, list):
            for place, one in enumerate(result):
                result[place] = self._named(one)
        return result

    def _named_change(self, change: Change) -> Change:
        """Return a change with an id, so that a retry is the same change.

        Raises:
            Unsupported: it is for one version alone, and the store cannot tell whether that is still there.
        """
        if change.seen is not None and not self.link.provider.compares:
            raise Unsupported(_COMPARE)
        return change if change.edit_id else replace(change, edit_id=str(uuid4()))

    def _minted(self, memory: NewMemory) -> NewMemory:
        return replace(
            memory,
            memory_id=memory.memory_id or new_memory_id(self._clock.milliseconds),
            version=self._clock.next() if memory.version is None else memory.version,
            created_at=memory.created_at or self._clock.moment(),
        )


async def _refused(error: Rejected) -> Found:
    raise error
