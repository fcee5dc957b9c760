"""Storing new memories: one statement for one or many, and the answer for each of them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from providers.answers import Stored
from providers.errors import Conflict, MemoryDeleted, ProviderError
from providers.native import statements
from providers.native.columns import FIRST, insert_values
from providers.native.database import Database
from providers.native.embedding_queue import EmbeddingQueue
from providers.native.rows import Embedding, MemoryRow
from providers.states.clock import HybridClock, new_memory_id
from providers.states.editing import first_state
from providers.types import NewMemory


def new_row(memory: NewMemory, embedding: Embedding, clock: HybridClock) -> MemoryRow:
    """Return the row of a checked memory; mint its id, version and moment where they are missing."""
    if memory.version is not None:
        clock.meet(memory.version)
    memory_id = memory.memory_id or new_memory_id(clock.milliseconds)
    version = clock.next() if memory.version is None else memory.version
    return MemoryRow(state=first_state(memory, memory_id, version, clock.moment()), embedding=embedding)


class RowWriter:
    """Insert rows into the table."""

    def __init__(self, database: Database, queue: EmbeddingQueue | None) -> None:
        self._database = database
        self._queue = queue

    async def store(self, rows: Sequence[MemoryRow]) -> list[Stored | ProviderError]:
        """Store rows in one statement; return each one's id or why it was not stored. A repeat is harmless."""
        values = insert_values(rows, FIRST)
        fresh = {(row.user_id, str(row.id)) for row in await self._database.write(statements.PUT, values)}
        if self._queue is not None:
            self._queue.report(sum(row.embedding.vector is None and row.key in fresh for row in rows))
        if len(fresh) == len(rows):
            return [Stored(id=row.state.id) for row in rows]
        sought = {"user_ids": values["user_id"], "ids": values["id"]}
        found = await self._database.rows(statements.STORED, sought, after_write=True)
        stored = {(row.user_id, str(row.id)): row for row in found}
        return [_answer(row, stored[row.key]) for row in rows]


def _answer(row: MemoryRow, stored: Row[Any]) -> Stored | ProviderError:
    if stored.deleted:
        return MemoryDeleted(row.state.id)
    return Stored(id=row.state.id) if stored.digest == row.state.digest else Conflict(row.state.id)
