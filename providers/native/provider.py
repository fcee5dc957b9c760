"""PostgresMemoryProvider: memories in PostgreSQL with pgvector."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import UNSET, UnsetType

from providers import limits, replica_limits
from providers.errors import MemoryNotFound, ProviderError
from providers.filters import Filter
from providers.group_commit import Combiner
from providers.limits import DEFAULT_LIST_LIMIT, DEFAULT_RECALL_LIMIT
from providers.native import statements
from providers.native.backlog import Backlog
from providers.native.changing import Changer
from providers.native.database import Database
from providers.native.health import PostgresHealth, health_of
from providers.native.records import record_of
from providers.native.replication import Replication
from providers.native.search import recall_statement
from providers.native.vectors import Vectors
from providers.native.writing import NewRow, Writer, new_row
from providers.replica import MAX_SNAPSHOTS, MAX_USERS, Replica
from providers.states.clock import HybridClock
from providers.states.editing import was_applied
from providers.types import MemoryRecord, Metadata, NewMemory, Position, RecallQuery, Snapshot

# Questions of one batch that are asked at once; more would take the pool away from everybody else.
CONCURRENT_RECALLS = 4

# Statements under way at once that store single memories; what arrives meanwhile shares the next one.
CONCURRENT_STATEMENTS = 4


class PostgresMemoryProvider(Replica):
    """Memories in PostgreSQL: exact hybrid recall within a user, versions, tombstones."""

    def __init__(
        self, database: Database, vectors: Vectors, backlog: Backlog | None, clock: HybridClock, vector_weight: float
    ) -> None:
        self._database = database
        self._writer = Writer(database, backlog)
        self._combiner = Combiner(self._writer.store, CONCURRENT_STATEMENTS)
        self._changer = Changer(database, vectors, backlog, clock)
        self._replication = Replication(database, vectors, backlog, clock)
        self._vectors = vectors
        self._clock = clock
        self._vector_weight = vector_weight

    async def ping(self) -> None:
        """Ask the database for nothing; see the protocol."""
        await self._database.ping()

    async def close(self) -> None:
        """Wait for the writes under way; to be called before the database goes."""
        await self._combiner.close()

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
        """Store one memory; see the protocol."""
        memory = NewMemory(
            user_id=user_id,
            content=content,
            metadata=metadata,
            memory_id=memory_id,
            version=version,
            created_at=created_at,
        )
        limits.check_new_memory(memory)
        [row] = await self._rows([memory])
        async with self._database.limited():
            stored = await self._combiner.put(row)
        if isinstance(stored, ProviderError):
            raise stored
        return stored

    async def remember_many(self, memories: Sequence[NewMemory]) -> list[str | ProviderError]:
        """Store many memories in one statement; see the protocol."""
        limits.check_batch("memories", memories)
        faults = [_fault(memory) for memory in memories]
        rows = await self._rows([memory for memory, fault in zip(memories, faults, strict=True) if fault is None])
        stored = iter(await self._writer.store(rows) if rows else [])
        return [next(stored) if fault is None else fault for fault in faults]

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
        """Find the nearest memories by vector and words; see the protocol."""
        question = RecallQuery(
            user_id=user_id,
            query=query,
            limit=limit,
            where=where,
            created_from=created_from,
            created_before=created_before,
            min_score=min_score,
        )
        return await self._recall(question)

    async def recall_many(self, queries: Sequence[RecallQuery]) -> list[list[MemoryRecord] | ProviderError]:
        """Answer many questions, a few at a time; see the protocol."""
        limits.check_batch("queries", queries)
        turns = asyncio.Semaphore(CONCURRENT_RECALLS)

        async def answer(query: RecallQuery) -> list[MemoryRecord] | ProviderError:
            async with turns:
                try:
                    return await self._recall(query)
                except ProviderError as error:
                    return error

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(answer(query)) for query in queries]
        return [task.result() for task in tasks]

    async def get(self, user_id: str, memory_id: str) -> MemoryRecord:
        """Give one memory; see the protocol."""
        limits.check_user_id(user_id)
        memory_id = limits.check_memory_id(memory_id)
        async with self._database.reading() as connection:
            row = (await connection.execute(statements.GET, {"user_id": user_id, "id": memory_id})).one_or_none()
        if row is None:
            raise MemoryNotFound(memory_id)
        return record_of(row)

    async def list_memories(
        self,
        user_id: str,
        limit: int = DEFAULT_LIST_LIMIT,
        offset: int = 0,
        *,
        after: Position | None = None,
    ) -> list[MemoryRecord]:
        """List memories from newest to oldest; see the protocol."""
        limits.check_user_id(user_id)
        limits.check_page(limit, offset, after)
        values: dict[str, Any] = {"user_id": user_id, "limit": limit, "offset": offset}
        if after is not None:
            values |= {"created_at": after.created_at, "id": after.memory_id}
        statement = statements.LIST if after is None else statements.LIST_AFTER
        async with self._database.reading() as connection:
            return [record_of(row) for row in await connection.execute(statement, values)]

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
        """Replace content, metadata or both; see the protocol."""
        memory_id, edit_id = limits.check_change(user_id, memory_id, version, edit_id)
        if content is not UNSET:
            limits.check_content(content)
        if metadata is not UNSET:
            limits.check_metadata(metadata)
        if content is UNSET and metadata is UNSET:
            return await self.get(user_id, memory_id)
        row = await self._changer.edit(user_id, memory_id, content, metadata, version, edit_id)
        if row is not None:
            return record_of(row)
        # Absent, deleted, nothing to change, or another edit with this key: reading tells which.
        if edit_id is not None and (stored := await self._replication.snapshot(user_id, memory_id)) is not None:
            was_applied(stored, edit_id)
        return await self.get(user_id, memory_id)

    async def delete(
        self, user_id: str, memory_id: str, *, version: int | None = None, edit_id: str | None = None
    ) -> bool:
        """Leave a tombstone in place of a memory; see the protocol."""
        memory_id, edit_id = limits.check_change(user_id, memory_id, version, edit_id)
        return await self._changer.delete(user_id, memory_id, version, edit_id)

    async def health_check(self) -> PostgresHealth:
        """Count the memories; see the protocol."""
        return await health_of(self._database, type(self).__name__)

    async def put_many(self, snapshots: Sequence[Snapshot]) -> list[ProviderError | None]:
        """Bring memories to states; see the protocol `Replica`."""
        replica_limits.check_snapshots(snapshots)
        return await self._replication.put_many(snapshots)

    async def snapshot(self, user_id: str, memory_id: str) -> Snapshot | None:
        """Give one memory or its tombstone; see the protocol `Replica`."""
        limits.check_user_id(user_id)
        return await self._replication.snapshot(user_id, limits.check_memory_id(memory_id))

    async def snapshots(self, user_id: str, limit: int = MAX_SNAPSHOTS, *, after: str | None = None) -> list[Snapshot]:
        """Give memories and tombstones by ascending id; see the protocol `Replica`."""
        after = replica_limits.check_snapshots_page(user_id, limit, after)
        return await self._replication.snapshots(user_id, limit, after)

    async def users(self, limit: int = MAX_USERS, *, after: str | None = None) -> list[str]:
        """Give the users who have anything; see the protocol `Replica`."""
        replica_limits.check_users_page(limit, after)
        return await self._replication.users(limit, after)

    async def identity(self) -> str:
        """Name the database; see the protocol `Replica`."""
        return await self._replication.identity()

    async def _rows(self, memories: Sequence[NewMemory]) -> list[NewRow]:
        """Give checked memories their ids, versions and vectors."""
        embedded = await self._vectors.of_memories([memory.content for memory in memories])
        return [new_row(memory, one, self._clock) for memory, one in zip(memories, embedded, strict=True)]

    async def _recall(self, question: RecallQuery) -> list[MemoryRecord]:
        limits.check_recall(question)
        vectors = await self._vectors.of_question(question.query)
        statement, values = recall_statement(question, vectors, self._vector_weight)
        async with self._database.reading() as connection:
            return [record_of(row, row.score) for row in await connection.execute(statement, values)]


def _fault(memory: NewMemory) -> ProviderError | None:
    try:
        limits.check_new_memory(memory)
    except ProviderError as error:
        return error
    return None
