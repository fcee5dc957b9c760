"""Mem0HttpMemoryProvider: every promise of a replica, over a store that makes none of them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TypeVar

from msgspec import Struct

from providers import limits, replica_limits
from providers.answer_size import page_within, recall_within
from providers.answers import Changed, Erased, Fetched, Found, Stored
from providers.asking import as_of
from providers.batches import answer_all
from providers.errors import MemoryNotFound, ProviderError, Rejected, Unavailable, Unsupported
from providers.expiry import has_expired
from providers.health import Health
from providers.introduction import Introduction, StoreMark
from providers.mem0.copies import CopyStore
from providers.mem0.dialects.base import Dialect
from providers.mem0.directory import Directory
from providers.mem0.erasing import REMAINS, Mem0Erasing
from providers.mem0.health import health_of
from providers.mem0.reading import Mem0Reader
from providers.mem0.writing import Mem0Writer
from providers.owners import Owner
from providers.replica import MAX_OWNERS, MAX_SNAPSHOTS, Replica
from providers.states.clock import HybridClock
from providers.touches import Touch, check_touches
from providers.types import Deletion, Edit, NewMemory, PageQuery, RecallQuery, Snapshot

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Mem0Traits(Struct, frozen=True, kw_only=True):
    """What is configured of a provider; many may read the `endpoint`.

    With `infers`, what callers store goes through mem0's language model: one text becomes none, one or several
    memories under ids of mem0's own. States put in for a chain are always stored as they are.

    Of all batches together no more than `at_once` items are under way: were it as many as mem0 is asked at a time, a
    caller with a single query would have to wait until a whole batch is stored.

    `staleness` is seconds, None for that of the dialect.
    """

    endpoint: str
    at_once: int
    infers: bool = False
    staleness: float | None = None


class Mem0HttpMemoryProvider(Replica):
    """Memories in a mem0 service."""

    def __init__(
        self,
        dialect: Dialect,
        store: CopyStore,
        writer: Mem0Writer,
        reader: Mem0Reader,
        directory: Directory,
        erasing: Mem0Erasing,
        traits: Mem0Traits,
        clock: HybridClock,
    ) -> None:
        self._dialect, self._store, self._directory = dialect, store, directory
        self._writer, self._reader = writer, reader
        self._traits, self._clock = traits, clock
        self._erasing = erasing
        self._turns = asyncio.Semaphore(traits.at_once)

    @property
    def staleness(self) -> float:
        """See `Replica`; that of the dialect unless it is configured."""
        configured = self._traits.staleness
        return self._dialect.staleness if configured is None else configured

    async def ping(self) -> None:
        """Make the cheapest call, past those that wait for a connection; see `Replica`."""
        await self._dialect.ping()

    async def moment(self) -> datetime | None:
        """Return what the clock of mem0's server said in its answer; see `Replica`."""
        return await self._dialect.ping()

    async def store_many(self, memories: Sequence[NewMemory]) -> list[Stored | ProviderError]:
        """See `MemoryStore`; mem0 takes one at a time, so that several are under way at once.

        A single memory waits for no batch, and is brought here first.
        """
        limits.check_batch("memories", memories)
        if len(memories) == 1:
            return await answer_all(memories, partial(self._put_new, may_be_fresh=True), 1, values=Rejected)
        return await self._answer_all(memories, self._put_new, writes=True)

    async def find(self, query: RecallQuery) -> Found:
        """See `MemoryStore`; the answer is `partial` if it lacks memories that mem0 cannot list."""
        limits.check_recall(query)
        query = as_of(query, self._clock.moment())
        return await recall_within(await self._reader.find(query), query.most_bytes)

    async def find_many(self, queries: Sequence[RecallQuery]) -> list[Found | ProviderError]:
        """See `MemoryStore`."""
        limits.check_batch("queries", queries)
        return await self._answer_all(queries, self.find, writes=False)

    async def fetch(self, owner: Owner, memory_id: str) -> Fetched:
        """See `MemoryStore`."""
        state = await self.snapshot(owner, memory_id)
        if state is None or state.deleted or has_expired(state, self._clock.moment()):
            raise MemoryNotFound(memory_id)
        return Fetched(memory=state.record)

    async def page(self, query: PageQuery) -> Found:
        """See `MemoryStore`; the answer is `partial` if the owner has more memories than mem0 can list."""
        limits.check_page(query)
        query = as_of(query, self._clock.moment())
        return await page_within(await self._reader.page(query), query.most_bytes)

    async def change(self, edit: Edit) -> Changed:
        """See `MemoryStore`."""
        return Changed(memory=(await self._writer.change(limits.check_edit(edit))).record)

    async def erase(self, deletion: Deletion) -> Erased:
        """See `MemoryStore`."""
        return Erased(count=int(await self._writer.erase(limits.check_deletion(deletion))))

    async def health_check(self) -> Health:
        """See `MemoryStore`."""
        return await health_of(self._dialect, self._traits.endpoint, type(self).__name__)

    @property
    def changed_elsewhere(self) -> bool:
        """See `Replica`: mem0 has a dashboard and clients of its own."""
        return True

    async def put_many(self, snapshots: Sequence[Snapshot]) -> list[ProviderError | None]:
        """See `Replica`."""
        replica_limits.check_snapshots(snapshots)
        return await self._answer_all(snapshots, self._put, writes=True)

    async def touch(self, touches: Sequence[Touch]) -> None:
        """See `MemoryStore`."""
        await self._answer_all(check_touches(touches), self._writer.touch, writes=True)

    async def snapshot(self, owner: Owner, memory_id: str) -> Snapshot | None:
        """See `Replica`; copies that came late are removed on the way."""
        limits.check_owner(owner)
        memory_id = limits.check_memory_id(memory_id)
        found = await self._store.load(owner, memory_id)
        if len(found.copies) > 1:
            found = await self._store.reconcile(owner, memory_id)
        return found.state

    async def snapshots(self, owner: Owner, limit: int = MAX_SNAPSHOTS, *, after: str | None = None) -> list[Snapshot]:
        """See `Replica`."""
        after = replica_limits.check_snapshots_page(owner, limit, after)
        return await self._reader.snapshots(owner, limit, after)

    async def owners(self, limit: int = MAX_OWNERS, *, after: Owner | None = None) -> list[Owner]:
        """See `Replica`; only owners who came through here are known, `Unavailable` if mem0 cannot list them all."""
        replica_limits.check_owners_page(limit, after)
        owners, whole = await self._directory.owners()
        if not whole:
            raise Unavailable("mem0 cannot list all users: there are too many for it")
        return [owner for owner in owners if after is None or owner.key > after.key][:limit]

    async def purge(self, owner: Owner, version: int, limit: int = MAX_SNAPSHOTS) -> int:
        """See `Replica`."""
        replica_limits.check_snapshots_page(owner, limit, None)
        return await self._erasing.purge(owner, version, limit)

    async def remains(self) -> tuple[str, ...]:
        """See `Replica`; mem0 tells nothing of it, so that these are the words of its manual."""
        return REMAINS

    @property
    def compares(self) -> bool:
        """See `Replica`; mem0 has no write that depends on what is there, and others write past us."""
        return False

    async def identity(self) -> str:
        """See `Replica`."""
        return (await self.introduce()).identity

    async def introduce(self) -> Introduction:
        """See `Replica`; a list of what is ours alone."""
        return await self._directory.introduction()

    async def leave_mark(self, mark: StoreMark, former: StoreMark | None) -> bool:
        """See `Replica`; the comparison is as good as mem0 allows."""
        return await self._directory.leave_mark(replica_limits.check_mark(mark), former)

    async def _put_new(self, memory: NewMemory, *, may_be_fresh: bool = False) -> Stored:
        memory = limits.check_new_memory(memory)
        if self._traits.infers:
            if memory.expires_at is not None:
                raise Unsupported("let memories expire that mem0 infers")
            return Stored(id=await self._writer.infer(memory))
        return await self._writer.put_new(memory, may_be_fresh=may_be_fresh)

    async def _put(self, snapshot: Snapshot) -> None:
        await self._writer.put(replica_limits.check_snapshot(snapshot))

    async def _answer_all(
        self, items: Sequence[Item], answer: Callable[[Item], Awaitable[Answer]], *, writes: bool
    ) -> list[Answer | ProviderError]:
        """Answer for all, with refusals as values; raise `Unavailable` if mem0 could not answer one of them."""
        try:
            return await answer_all(items, answer, self._turns, values=Rejected)
        except Unavailable as failure:
            failure.ambiguous = writes  # its neighbours may have been stored
            raise
