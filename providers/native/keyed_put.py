"""Puts by key in one statement: it replaces the memory that has the key, or stores a new one where none has it.

Of what it cannot decide (several have the key, the one that has it has expired or is written by others meanwhile) it
does nothing; see `providers/keys`, which looks then. Two that store at once do not see each other here either.
"""

import re
from typing import Any

from msgspec import Struct
from sqlalchemy import Row, text

from providers.answers import Changed, Stored
from providers.expiry import has_expired
from providers.limits import MAX_EDITS
from providers.native.above_fence import ABOVE_FENCE
from providers.native.columns import (
    FIRST,
    RECORD,
    edit_values,
    edited,
    embedding_values,
    insert_values,
    insertion,
    names,
    record_of,
    snapshot_of,
)
from providers.native.database import Database
from providers.native.embedding_queue import EmbeddingQueue
from providers.native.history import VersionTable
from providers.native.keeping import KEEPING
from providers.native.key_tidying import KeyTidying
from providers.native.replication_sql import ONE_STATE
from providers.native.rows import MemoryRow
from providers.native.wall import NAMED, values_of
from providers.replacing import replacement
from providers.states.clock import HybridClock
from providers.states.editing import is_done
from providers.types import NewMemory

_NEW = "new_"  # before the names of the values of a new memory, since those of an edit have the same
_WHERE_NONE = f"{NAMED} AND (SELECT holders FROM seen) = 0"  # noqa: S608 - joined from constants
_INSERT = re.sub(r"(?<!:):(\w+)", rf":{_NEW}\1", insertion(FIRST, _WHERE_NONE))

_PUT = text(f"""
    WITH seen AS MATERIALIZED (
        SELECT count(*) AS holders, (array_agg(id))[1] AS holder FROM ninai_memories
        WHERE {NAMED} AND user_id = :user_id AND key IS NOT NULL AND key = CAST(:key AS text) AND deleted_at IS NULL
            AND {ABOVE_FENCE}
    ), changed AS (
        UPDATE ninai_memories SET version = greatest(CAST(:version AS bigint), version + 1), {edited()},
            edits = (array_append(edits, CAST(:edit_id AS uuid)))[greatest(1, cardinality(edits) - :kept_edits + 2):]
        WHERE {NAMED} AND {KEEPING} AND user_id = :user_id AND id = (SELECT holder FROM seen WHERE holders = 1)
            AND key = CAST(:key AS text) AND deleted_at IS NULL AND {ABOVE_FENCE}
            AND (expires_at IS NULL OR expires_at > CAST(:now AS timestamptz))
            AND id <> CAST(:edit_id AS uuid) AND NOT CAST(:edit_id AS uuid) = ANY (edits)
        RETURNING {names(RECORD)}
    ), inserted AS ({_INSERT} DO NOTHING RETURNING id)
    SELECT {names(RECORD, "changed.")}, inserted.id AS inserted, seen.holders, seen.holder
    FROM seen LEFT JOIN changed ON true LEFT JOIN inserted ON true
""")  # noqa: S608 - joined from constants


class KeyedPuts(Struct, frozen=True):
    """Put memories under their keys in a database that is neither distributed nor walled."""

    database: Database
    clock: HybridClock
    versions: VersionTable
    queue: EmbeddingQueue | None
    tidying: KeyTidying

    @property
    def possible(self) -> bool:
        """Whether this database takes a statement that reads and writes; known once it is ready."""
        return not self.database.walled and not self.database.distributed

    async def put(self, memory: NewMemory, row: MemoryRow) -> Stored | Changed | None:
        """Replace what the key of a checked memory names, or store its row; return None where nothing was done.

        The id of the new memory names the change, so that a retry is recognised.
        """
        await self.database.ready()
        if memory.key is None or not self.possible:
            return None
        state = row.state
        edit = replacement(memory, state.id, edit_id=state.id)
        [new] = await insert_values([row], FIRST)
        values = {
            **{f"{_NEW}{name}": value for name, value in new.items()},
            **edit_values(edit),
            **embedding_values(row.embedding),
            **values_of(memory.owner),
            **self.versions.kept_versions,
            "key": memory.key,
            "version": self.clock.next(),
            "now": self.clock.moment(),
            "edit_id": state.id,
            "kept_edits": MAX_EDITS,
        }
        [answer] = await self.database.write(_PUT, values)
        if answer.inserted is None and answer.id is None:
            return await self._repeated(memory, row, answer) if answer.holders == 1 else None
        if row.embedding.vector is None and self.queue is not None:
            self.queue.report(1)
        if answer.inserted is not None:
            self.tidying.add(memory.owner, memory.key)
            return Stored(id=state.id, version=state.version, tidied=True)
        self.clock.observe(answer.version)
        return Changed(memory=record_of(answer))

    async def _repeated(self, memory: NewMemory, row: MemoryRow, answer: Row[Any]) -> Stored | Changed | None:
        """Return what an earlier try of the same put has done, None if there was none."""
        values = values_of(memory.owner) | {"id": str(answer.holder)}
        rows = await self.database.rows(ONE_STATE, values, after_write=True)
        held = snapshot_of(rows[0]) if rows else None
        if held is None or held.deleted or has_expired(held, self.clock.moment()):
            return None
        if held.id == row.state.id:
            return Stored(id=held.id, version=held.version) if held.digest == row.state.digest else None
        done = is_done(held, replacement(memory, held.id, edit_id=row.state.id))
        return Changed(memory=held.record) if done else None
