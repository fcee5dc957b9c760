"""The deletion of one memory, which leaves a tombstone."""

from providers.native import statements
from providers.native.database import Database
from providers.native.wall import values_of
from providers.states.clock import HybridClock
from providers.types import Deletion


async def deleted(database: Database, clock: HybridClock, deletion: Deletion) -> bool:
    """Replace a memory by a tombstone; return whether there was a memory, or this very edit deleted it."""
    values = {
        **values_of(deletion.owner),
        "id": deletion.memory_id,
        "version": deletion.version,
        "now": clock.moment(),
        "edit_id": deletion.edit_id,
        "seen": deletion.seen,
        "expired_by": deletion.expired_by,
    }
    if rows := await database.write(statements.DELETE, values):
        clock.observe(rows[0].version)
        return True
    return deletion.edit_id is not None and await _deleted_by(database, deletion)


async def _deleted_by(database: Database, deletion: Deletion) -> bool:
    values = values_of(deletion.owner) | {"id": deletion.memory_id, "edit_id": deletion.edit_id}
    return any(row[0] for row in await database.rows(statements.DELETED_BY, values, after_write=True))
