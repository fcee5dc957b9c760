"""An ordered list of providers that knows no journal: what a chain is often thought to be."""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

from msgspec import UNSET
from msgspec.structs import replace

from providers.answers import Changed, Erased, Fetched, Found, Stored
from providers.base import MemoryProvider
from providers.chain.deadline import CallOptions, Deadline
from providers.chain.link import Link
from providers.chain.policy import OperationClass
from providers.errors import MemoryNotFound, ProviderError, Unavailable
from providers.health import Health
from providers.owners import Owner
from providers.replica import Replica
from providers.states.clock import HybridClock, new_memory_id
from providers.types import ALL, Conditions, Deletion, Edit, NewMemory, PageQuery, RecallQuery, Snapshot, as_page

Answer = TypeVar("Answer")


class Fallback(MemoryProvider):
    """Ask one provider after the other."""

    def __init__(
        self, writers: Sequence[Link], readers: Sequence[Link], clock: HybridClock, now: Callable[[], float]
    ) -> None:
        self._writers = writers
        self._readers = readers
        self._clock = clock
        self._now = now

    async def store_many(self, memories: Sequence[NewMemory]) -> list[Stored | ProviderError]:
        """See `MemoryStore`."""
        return [await _value(self._store(memory)) for memory in memories]

    async def _store(self, memory: NewMemory) -> Stored:
        memory = replace(
            memory,
            version=memory.version or self._clock.next(),
            created_at=memory.created_at or self._clock.moment(),
            memory_id=memory.memory_id or new_memory_id(),
        )
        return await self._write(lambda provider: provider.store(memory))

    async def erase(self, deletion: Deletion) -> Erased:
        """See `MemoryStore`."""
        version = deletion.version or self._clock.next()
        tombstone = Snapshot(user_id=deletion.owner.key, id=deletion.memory_id, version=version, content=None)

        async def ask(provider: Replica) -> Erased:
            former = await provider.snapshot(deletion.owner, deletion.memory_id)
            await provider.put_many([tombstone])
            return Erased(count=former is not None and not former.deleted)

        return await self._write(ask)

    async def change(self, edit: Edit) -> Changed:
        """See `MemoryStore`."""

        async def ask(provider: Replica) -> Changed:
            former = await provider.snapshot(edit.owner, edit.memory_id)
            if former is None or former.deleted:
                raise MemoryNotFound(edit.memory_id)
            self._clock.observe(former.version)
            state = replace(
                former,
                content=former.content if edit.content is UNSET else edit.content,
                metadata=former.metadata if edit.metadata is UNSET else edit.metadata,
                version=self._clock.next(),
            )
            await provider.put_many([state])
            return Changed(memory=state.record)

        return await self._write(ask)

    async def fetch(self, owner: Owner, memory_id: str) -> Fetched:
        """See `MemoryStore`."""
        return await self._read(lambda provider: provider.fetch(owner, memory_id))

    async def erase_all(self, owner: Owner, limit: int = 100, conditions: Conditions = ALL) -> Erased:
        """See `MemoryStore`."""
        there = (await self.page(replace(as_page(conditions, owner), limit=limit))).memories
        erased = [await self.erase(Deletion(owner=owner, memory_id=record.id)) for record in there]
        return Erased(count=sum(one.count for one in erased))

    async def page(self, query: PageQuery) -> Found:
        """See `MemoryStore`."""
        return await self._read(lambda provider: provider.page(query))

    async def find(self, query: RecallQuery) -> Found:
        """See `MemoryStore`."""
        return await self._read(lambda provider: provider.find(query))

    async def health_check(self) -> Health:
        """Raise an error; the simulation does not ask."""
        raise NotImplementedError

    async def find_many(self, queries: Sequence[RecallQuery]) -> list[Found | ProviderError]:
        """See `MemoryStore`."""
        return [await _value(self.find(query)) for query in queries]

    async def _write(self, ask: Callable[[Replica], Awaitable[Answer]]) -> Answer:
        return await self._first(self._writers, ask, OperationClass.REMEMBER)

    async def _read(self, ask: Callable[[Replica], Awaitable[Answer]]) -> Answer:
        return await self._first(self._readers, ask, OperationClass.RECALL)

    async def _first(
        self, links: Sequence[Link], ask: Callable[[Replica], Awaitable[Answer]], operation: OperationClass
    ) -> Answer:
        deadline = Deadline.after(links[0].attempts.policy.of(operation).deadline, self._now)
        for link in links[:-1]:
            try:
                return await link.call(
                    ask, operation, CallOptions(deadline.earlier(deadline.remaining() / 2), others=True)
                )
            except Unavailable:
                continue
        return await links[-1].call(ask, operation, CallOptions(deadline))


async def _value(ask: Coroutine[Any, Any, Answer]) -> Answer | ProviderError:
    try:
        return await ask
    except ProviderError as error:
        return error
