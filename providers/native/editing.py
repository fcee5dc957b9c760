"""Changing stored memories: editing and deleting, one statement each."""

from msgspec import UNSET

from providers.limits import MAX_EDITS
from providers.native import statements
from providers.native.columns import edit_values, embedding_values, record_of
from providers.native.database import Database
from providers.native.embedding_queue import EmbeddingQueue
from providers.native.rows import NO_EMBEDDING
from providers.native.vectors import Vectors
from providers.states.clock import HybridClock
from providers.types import Deletion, Edit, MemoryRecord


class RowEditor:
    """Apply edits and deletions that have been checked."""

    def __init__(self, database: Database, vectors: Vectors, queue: EmbeddingQueue | None, clock: HybridClock) -> None:
        self._database = database
        self._vectors = vectors
        self._queue = queue
        self._clock = clock

    async def edit(self, edit: Edit) -> MemoryRecord | None:
        """Replace what is given; return None if the memory is absent, deleted, or has this edit or a newer one."""
        [embedding] = [NO_EMBEDDING] if edit.content is UNSET else await self._vectors.of_memories([edit.content])
        values = {
            **edit_values(edit),
            **embedding_values(embedding),
            "user_id": edit.owner.user,
            "id": edit.memory_id,
            "version": self._clock.next() if edit.version is None else edit.version,
            "minted": edit.version is None,
            "now": self._clock.moment(),
            "edit_id": edit.edit_id,
            "kept_edits": MAX_EDITS,
        }
        rows = await self._database.write(statements.UPDATE, values)
        if not rows:
            return None
        self._clock.observe(rows[0].version)
        if edit.content is not UNSET and embedding.vector is None and self._queue is not None:
            self._queue.report(1)
        return record_of(rows[0])

    async def delete(self, deletion: Deletion) -> bool:
        """Replace a memory by a tombstone; return whether there was a memory, or this very edit deleted it."""
        values = {
            "user_id": deletion.owner.user,
            "id": deletion.memory_id,
            "version": self._clock.next() if deletion.version is None else deletion.version,
            "now": self._clock.moment(),
            "edit_id": deletion.edit_id,
        }
        if rows := await self._database.write(statements.DELETE, values):
            self._clock.observe(rows[0].version)
            return True
        return deletion.edit_id is not None and await self._deleted_by(deletion)

    async def _deleted_by(self, deletion: Deletion) -> bool:
        values = {"user_id": deletion.owner.user, "id": deletion.memory_id, "edit_id": deletion.edit_id}
        return any(row[0] for row in await self._database.rows(statements.DELETED_BY, values, after_write=True))
