"""Storing new memories: one statement for one or many, and what became of each."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from pgvector import HalfVector
from sqlalchemy import Row

from providers.errors import Conflict, MemoryDeleted, ProviderError
from providers.limits import check_memory_id
from providers.native import statements
from providers.native.backlog import Backlog
from providers.native.database import Database
from providers.native.jsonb import to_jsonb
from providers.native.vectors import Embedded
from providers.states.clock import HybridClock, new_memory_id
from providers.states.digests import digest_of
from providers.types import NewMemory


class NewRow(Struct, frozen=True, kw_only=True):
    """A checked memory as the table takes it; `embedding` is halfvec[dim], None with its model."""

    user_id: str
    id: str
    version: int
    content: str
    metadata: str | None
    digest: bytes
    created_at: datetime
    model: str | None
    embedding: HalfVector | None


def new_row(memory: NewMemory, embedded: Embedded, clock: HybridClock) -> NewRow:
    """Give the row of a checked memory; id, version and moment are minted where they are missing."""
    if memory.version is not None:
        clock.meet(memory.version)
    return NewRow(
        user_id=memory.user_id,
        id=new_memory_id(clock.milliseconds) if memory.memory_id is None else check_memory_id(memory.memory_id),
        version=clock.next() if memory.version is None else memory.version,
        content=memory.content,
        metadata=to_jsonb(memory.metadata),
        digest=digest_of(memory.content, memory.metadata),
        created_at=memory.created_at or clock.moment(),
        model=embedded.model,
        embedding=half(embedded),
    )


def half(embedded: Embedded) -> HalfVector | None:
    """Give a vector in the precision it is stored in."""
    return None if embedded.vector is None else HalfVector(embedded.vector)


class Writer:
    """Put rows into the table."""

    def __init__(self, database: Database, backlog: Backlog | None) -> None:
        self._database = database
        self._backlog = backlog

    async def store(self, rows: Sequence[NewRow]) -> list[str | ProviderError]:
        """Store rows in one statement, and give each one's id or why it was not stored; harmless to repeat."""
        values = _columns(rows)
        async with self._database.writing() as connection:
            fresh = {(row.user_id, str(row.id)) for row in await connection.execute(statements.PUT, values)}
        if self._backlog is not None:
            self._backlog.report(sum(row.embedding is None and (row.user_id, row.id) in fresh for row in rows))
        if len(fresh) == len(rows):
            return [row.id for row in rows]
        sought = {"user_ids": values["user_ids"], "ids": values["ids"]}
        async with self._database.reading(after_write=True) as connection:
            found = (await connection.execute(statements.STORED, sought)).all()
        stored = {(row.user_id, str(row.id)): row for row in found}
        return [_outcome(row, stored[row.user_id, row.id]) for row in rows]


def _columns(rows: Sequence[NewRow]) -> dict[str, Any]:
    return {
        "user_ids": [row.user_id for row in rows],
        "ids": [UUID(row.id) for row in rows],
        "versions": [row.version for row in rows],
        "contents": [row.content for row in rows],
        "metadatas": [row.metadata for row in rows],
        "digests": [row.digest for row in rows],
        "created_ats": [row.created_at for row in rows],
        "models": [row.model for row in rows],
        "embeddings": [row.embedding for row in rows],
    }


def _outcome(row: NewRow, stored: Row[Any]) -> str | ProviderError:
    if stored.deleted:
        return MemoryDeleted(row.id)
    return row.id if stored.digest == row.digest else Conflict(row.id)
