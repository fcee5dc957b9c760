"""New memories as rows, with the answer where there was a row already."""

from typing import Any

from sqlalchemy import Row

from providers.answers import Stored
from providers.errors import Conflict, MemoryDeleted, ProviderError
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
    now = memory.created_at or clock.moment()
    return MemoryRow(state=first_state(memory, memory_id, version, now), embedding=embedding)


def is_late(row: MemoryRow, stored: Row[Any]) -> bool:
    """Return whether a first write comes after what was made of it: then it is a superseded version."""
    same = not stored.deleted and stored.digest == row.state.digest
    return same and bool(stored.edited) and row.state.version < stored.version


def answer(row: MemoryRow, stored: Row[Any]) -> Stored | ProviderError:
    """Return the answer for a row whose key the table held already, with what is in `stored`."""
    if stored.deleted:
        return MemoryDeleted(row.state.id)
    if stored.digest != row.state.digest:
        return Conflict(row.state.id)
    return Stored(id=row.state.id, version=stored.version)
