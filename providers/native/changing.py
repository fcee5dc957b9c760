"""Changing memories that are there already: editing and deleting, one statement each."""

from typing import Any

from msgspec import UNSET, UnsetType
from sqlalchemy import Row

from providers.limits import MAX_EDITS
from providers.native import statements
from providers.native.backlog import Backlog
from providers.native.database import Database
from providers.native.jsonb import to_jsonb
from providers.native.vectors import NO_VECTOR, Vectors
from providers.native.writing import half
from providers.states.clock import HybridClock
from providers.types import Metadata


class Changer:
    """Edits and deletes; arguments are checked before they come here."""

    def __init__(self, database: Database, vectors: Vectors, backlog: Backlog | None, clock: HybridClock) -> None:
        self._database = database
        self._vectors = vectors
        self._backlog = backlog
        self._clock = clock

    async def edit(
        self,
        user_id: str,
        memory_id: str,
        content: str | UnsetType,
        metadata: Metadata | UnsetType | None,
        version: int | None,
        edit_id: str | None,
    ) -> Row[Any] | None:
        """Replace what is given; None if the memory is absent, deleted, or has this edit or a newer one already."""
        [embedded] = [NO_VECTOR] if content is UNSET else await self._vectors.of_memories([content])
        now = version if version is not None else self._clock.next()
        values = {
            "user_id": user_id,
            "id": memory_id,
            "version": now,
            "minted": version is None,
            "updated_at": self._clock.moment(),
            "has_content": content is not UNSET,
            "content": None if content is UNSET else content,
            "model": embedded.model,
            "embedding": half(embedded),
            "has_metadata": metadata is not UNSET,
            "metadata": None if metadata is UNSET else to_jsonb(metadata),
            "edit_id": edit_id,
            "kept_edits": MAX_EDITS,
        }
        async with self._database.writing() as connection:
            row = (await connection.execute(statements.UPDATE, values)).one_or_none()
        if row is not None:
            self._clock.observe(row.version)
        if row is not None and content is not UNSET and embedded.vector is None and self._backlog is not None:
            self._backlog.report(1)
        return row

    async def delete(self, user_id: str, memory_id: str, version: int | None, edit_id: str | None) -> bool:
        """Leave a tombstone where a memory is, and tell whether there was a memory, or this very edit deleted it."""
        values = {
            "user_id": user_id,
            "id": memory_id,
            "version": version if version is not None else self._clock.next(),
            "deleted_at": self._clock.moment(),
            "edit_id": edit_id,
        }
        async with self._database.writing() as connection:
            newest = await connection.scalar(statements.DELETE, values)
        if newest is not None:
            self._clock.observe(newest)
            return True
        if edit_id is None:
            return False
        where = {"user_id": user_id, "id": memory_id, "edit_id": edit_id}
        async with self._database.reading(after_write=True) as connection:
            return bool(await connection.scalar(statements.DELETED_BY, where))
