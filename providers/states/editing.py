"""What a write makes of what is stored: pure functions from one state of a memory to the next."""

from datetime import UTC, datetime

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from providers.errors import Conflict
from providers.limits import MAX_EDITS
from providers.states.digests import digest_of
from providers.types import MemoryRecord, Metadata, NewMemory, Snapshot

EDIT_KEY_CHARS = 28  # of an edit's id: 96 bits that name it; the other 32 tell what it is


def was_applied(stored: Snapshot, edit_id: str | None) -> bool:
    """Whether an edit is among the last that were applied to a memory.

    Raises:
        Conflict: another edit with the same key is.
    """
    if edit_id is None or edit_id in stored.edits:
        return edit_id is not None
    if any(edit[:EDIT_KEY_CHARS] == edit_id[:EDIT_KEY_CHARS] for edit in stored.edits):
        raise Conflict(stored.id)
    return False


def first_state(memory: NewMemory, memory_id: str, version: int, now: datetime) -> Snapshot:
    """Give the state of a memory that is stored for the first time, now unless it says when it was created."""
    return Snapshot(
        user_id=memory.user_id,
        id=memory_id,
        version=version,
        content=memory.content,
        metadata=memory.metadata,
        created_at=now if memory.created_at is None else memory.created_at.astimezone(UTC),
        digest=digest_of(memory.content, memory.metadata),
    )


def edited(
    stored: Snapshot,
    content: str | UnsetType,
    metadata: Metadata | UnsetType | None,
    version: int,
    edit_id: str | None,
    now: datetime,
) -> Snapshot:
    """Give the state after an edit made now; `stored` itself if it asks for nothing, comes late or was applied already.

    Raises:
        Conflict: its id has the key of an edit that was applied, but it is another one.
    """
    nothing_given = content is UNSET and metadata is UNSET
    if nothing_given or was_applied(stored, edit_id) or version <= stored.version:
        return stored
    return replace(
        stored,
        version=version,
        content=stored.content if content is UNSET else content,
        metadata=stored.metadata if metadata is UNSET else metadata,
        updated_at=now,
        edits=stored.edits if edit_id is None else (*stored.edits, edit_id)[-MAX_EDITS:],
    )


def tombstone_of(stored: Snapshot, version: int, edit_id: str | None) -> Snapshot:
    """Give the tombstone that a deletion leaves, newer than what it deletes."""
    return Snapshot(
        user_id=stored.user_id,
        id=stored.id,
        version=max(version, stored.version + 1),
        content=None,
        created_at=stored.created_at,
        edits=() if edit_id is None else (edit_id,),
    )


def tombstone_for(record: MemoryRecord, version: int, edit_id: str | None = None) -> Snapshot:
    """Give the tombstone of a memory of which only the version is not known."""
    return Snapshot(
        user_id=record.user_id,
        id=record.id,
        version=version,
        content=None,
        created_at=record.created_at,
        edits=() if edit_id is None else (edit_id,),
    )


def deleted_by(tombstone: Snapshot, edit_id: str | None) -> bool:
    """Whether it was this very edit that deleted a memory, so that its repeat gets the same answer."""
    return tombstone.created_at is not None and edit_id in tombstone.edits
