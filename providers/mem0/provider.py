"""Mem0HttpMemoryProvider: every promise of a replica, over a store that makes none of them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

from msgspec import UNSET, UnsetType

from providers import limits, replica_limits
from providers.errors import MemoryNotFound, ProviderError, Rejected, Unavailable
from providers.filters import Filter
from providers.limits import DEFAULT_LIST_LIMIT, DEFAULT_RECALL_LIMIT
from providers.mem0.dialects.base import Dialect
from providers.mem0.directory import Directory
from providers.mem0.health import health_of
from providers.mem0.keeper import Keeper
from providers.mem0.ranking import record_of
from providers.mem0.reading import Reader
from providers.mem0.writing import Writer
from providers.replica import MAX_SNAPSHOTS, MAX_USERS, Replica
from providers.types import Health, MemoryRecord, Metadata, NewMemory, Position, RecallQuery, Snapshot

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Mem0HttpMemoryProvider(Replica):
    """Memories in a mem0 service.

    With `infers`, what callers remember goes through mem0's language model: one text becomes none, one or several
    memories under ids of mem0's own. States put in for a chain are always stored as they are.

    Of all batches together no more than `at_once` items are under way: were it as many as mem0 is asked at a time, a
    caller with a single question would have to wait until a whole batch is stored.
    """

    def __init__(
        self,
        dialect: Dialect,
        keeper: Keeper,
        writer: Writer,
        reader: Reader,
        directory: Directory,
        *,
        endpoint: str,
        at_once: int,
        infers: bool = False,
    ) -> None:
        self._dialect = dialect
        self._keeper = keeper
        self._writer = writer
        self._reader = reader
        self._directory = directory
        self._endpoint = endpoint
        self._turns = asyncio.Semaphore(at_once)
        self._infers = infers

    async def ping(self) -> None:
        """Make the cheapest call, past those who wait for a place; see `Replica`."""
        await self._dialect.ping()

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
        """See `MemoryProvider`."""
        memory = NewMemory(
            user_id=user_id,
            content=content,
            metadata=metadata,
            memory_id=memory_id,
            version=version,
            created_at=created_at,
        )
        limits.check_new_memory(memory)
        if self._infers:
            return await self._writer.infer(memory)
        return await self._writer.remember(memory, may_be_fresh=True)

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
        """See `MemoryProvider`."""
        return await self._recall(
            RecallQuery(
                user_id=user_id,
                query=query,
                limit=limit,
                where=where,
                created_from=created_from,
                created_before=created_before,
                min_score=min_score,
            )
        )

    async def delete(
        self, user_id: str, memory_id: str, *, version: int | None = None, edit_id: str | None = None
    ) -> bool:
        """See `MemoryProvider`."""
        memory_id, edit_id = limits.check_change(user_id, memory_id, version, edit_id)
        return await self._writer.delete(user_id, memory_id, version, edit_id)

    async def list_memories(
        self,
        user_id: str,
        limit: int = DEFAULT_LIST_LIMIT,
        offset: int = 0,
        *,
        after: Position | None = None,
    ) -> list[MemoryRecord]:
        """See `MemoryProvider`; of a user who has more memories than mem0 can list, the request is noted `partial`."""
        limits.check_user_id(user_id)
        limits.check_page(limit, offset, after)
        return await self._reader.page(user_id, limit, offset, after)

    async def health_check(self) -> Health:
        """See `MemoryProvider`."""
        return await health_of(self._dialect, self._endpoint, type(self).__name__)

    async def get(self, user_id: str, memory_id: str) -> MemoryRecord:
        """See `MemoryProvider`."""
        state = await self.snapshot(user_id, memory_id)
        if state is None or state.deleted:
            raise MemoryNotFound(memory_id)
        return record_of(state)

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
        """See `MemoryProvider`."""
        memory_id, edit_id = limits.check_change(user_id, memory_id, version, edit_id)
        if content is not UNSET:
            limits.check_content(content)
        if metadata is not UNSET:
            limits.check_metadata(metadata)
        return record_of(await self._writer.update(user_id, memory_id, content, metadata, version, edit_id))

    async def remember_many(self, memories: Sequence[NewMemory]) -> list[str | ProviderError]:
        """See `MemoryProvider`; mem0 takes one at a time, so that several are under way at once."""
        limits.check_batch("memories", memories)
        return await _all(self._remember, memories, self._turns, writes=True)

    async def recall_many(self, queries: Sequence[RecallQuery]) -> list[list[MemoryRecord] | ProviderError]:
        """See `MemoryProvider`."""
        limits.check_batch("queries", queries)
        return await _all(self._recall, queries, self._turns, writes=False)

    async def put_many(self, snapshots: Sequence[Snapshot]) -> list[ProviderError | None]:
        """See `Replica`."""
        replica_limits.check_snapshots(snapshots)
        return await _all(self._put, snapshots, self._turns, writes=True)

    async def snapshot(self, user_id: str, memory_id: str) -> Snapshot | None:
        """See `Replica`; copies that came late are removed on the way."""
        limits.check_user_id(user_id)
        memory_id = limits.check_memory_id(memory_id)
        found = await self._keeper.look(user_id, memory_id)
        if len(found.copies) > 1:
            found = await self._keeper.tidied(user_id, memory_id)
        return found.state

    async def snapshots(self, user_id: str, limit: int = MAX_SNAPSHOTS, *, after: str | None = None) -> list[Snapshot]:
        """See `Replica`."""
        after = replica_limits.check_snapshots_page(user_id, limit, after)
        return await self._reader.snapshots(user_id, limit, after)

    async def users(self, limit: int = MAX_USERS, *, after: str | None = None) -> list[str]:
        """See `Replica`; only users whose memories came through here are known.

        Raises:
            Unavailable: there are more than mem0 can list.
        """
        replica_limits.check_users_page(limit, after)
        users, whole = await self._directory.users()
        if not whole:
            raise Unavailable("mem0 cannot list all users: there are too many for it")
        return [user for user in users if after is None or user > after][:limit]

    async def identity(self) -> str:
        """See `Replica`."""
        return await self._directory.identity()

    async def _remember(self, memory: NewMemory) -> str:
        limits.check_new_memory(memory)
        if self._infers:
            return await self._writer.infer(memory)
        return await self._writer.remember(memory)

    async def _recall(self, query: RecallQuery) -> list[MemoryRecord]:
        limits.check_recall(query)
        return await self._reader.recall(query)

    async def _put(self, snapshot: Snapshot) -> None:
        await self._writer.put(replica_limits.check_snapshot(snapshot))


async def _all(
    ask: Callable[[Item], Awaitable[Answer]], items: Sequence[Item], turns: asyncio.Semaphore, *, writes: bool
) -> list[Answer | ProviderError]:
    """Ask for all, `turns` at a time, and give answers and refusals in order.

    Raises:
        Unavailable: mem0 could not answer one of them; the others were carried through, or are broken off.
    """

    async def answer(item: Item) -> Answer | ProviderError:
        try:
            async with turns:
                return await ask(item)
        except Rejected as error:
            return error.with_traceback(None)  # a value now; the frames would keep the whole batch alive

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(answer(item)) for item in items]
    except BaseExceptionGroup as errors:
        failures, others = errors.split(Unavailable)
        if failures is None or others is not None:
            raise  # a bug
        failure = next(_leaves(failures))
        failure.ambiguous = writes  # its neighbours may have been stored
        raise failure from None
    return [task.result() for task in tasks]


def _leaves(group: BaseExceptionGroup[Unavailable]) -> Iterator[Unavailable]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
