"""The effects of writes: pure functions from the stored state of a memory to the next."""

from datetime import UTC, datetime

from msgspec import UNSET
from msgspec.structs import replace

from providers.errors import Conflict, VersionMismatch
from providers.expiry import has_expired
from providers.limits import MAX_EDITS, MAX_VERSION
from providers.source import attributes_of
from providers.states.digests import digest_of
from providers.types import Deletion, Edit, MemoryRecord, NewMemory, Snapshot

EDIT_KEY_CHARS = 28  # of an edit's id: 96 bits that name it; the other 32 are a digest of the change


def was_applied(stored: Snapshot, edit_id: str | None) -> bool:
    """Return whether an edit is among the last that were applied to a memory.

    Raises:
        Conflict: another edit with the same key is.
    """
    if edit_id is None or edit_id in stored.edits:
        return edit_id is not None
    if any(edit[:EDIT_KEY_CHARS] == edit_id[:EDIT_KEY_CHARS] for edit in stored.edits):
        raise Conflict(stored.id)
    return False


def first_state(memory: NewMemory, memory_id: str, version: int, now: datetime) -> Snapshot:
    """Return the state of a new memory, created now unless it has a moment of creation."""
    state = Snapshot(
        user_id=memory.owner.key,
        id=memory_id,
        version=version,
        content=memory.content,
        metadata=memory.metadata,
        created_at=now if memory.created_at is None else memory.created_at.astimezone(UTC),
        digest=digest_of(memory.content, memory.metadata),
        first_version=version if memory.first_version is None else memory.first_version,
        # All of `attributes_of`, whose dictionary would take as long as the rest: every write passes here.
        session=memory.session,
        agent=memory.agent,
        app=memory.app,
        speaker=memory.speaker,
        key=memory.key,
        source=memory.source,
    )
    if not (memory.updated_at or memory.expires_at or memory.sliding_seconds is not None or memory.unknown):
        return state
    # What few have, by itself: Python passes more than 15 keywords in a dictionary as well.
    return replace(
        state,
        updated_at=None if memory.updated_at is None else memory.updated_at.astimezone(UTC),
        expires_at=None if memory.expires_at is None else memory.expires_at.astimezone(UTC),
        sliding_seconds=memory.sliding_seconds,
        unknown=memory.unknown,
    )


def first_write_of(state: Snapshot) -> NewMemory:
    """Return the write that stores a live memory that has not been edited."""
    return NewMemory(
        owner=state.owner,
        content=state.content or "",
        metadata=state.metadata,
        memory_id=state.id,
        version=state.version,
        created_at=state.created_at,
        updated_at=state.updated_at,
        expires_at=state.expires_at,
        sliding_seconds=state.sliding_seconds,
        first_version=state.first_version,
        unknown=state.unknown,
        **attributes_of(state),
    )


def is_done(stored: Snapshot, edit: Edit) -> bool:
    """Return whether an edit changes nothing, is older than the stored state, or was applied already.

    Raises:
        Conflict: its id has the key of an edit that was applied, but is another one.
        VersionMismatch: the edit was made for another version, and was not applied.
    """
    if not edit.empty and was_applied(stored, edit.edit_id):
        return True
    if edit.seen not in {None, stored.version}:
        raise VersionMismatch(f"memory {stored.id}")
    return edit.empty or (edit.version is not None and edit.version <= stored.version)


def edited(stored: Snapshot, edit: Edit, version: int, now: datetime) -> Snapshot:
    """Return the state after an edit made now under a version; `stored` itself if the edit is done.

    Raises:
        Conflict, VersionMismatch: as for `is_done`.
    """
    if is_done(stored, edit) or version <= stored.version:
        return stored
    life = (stored.expires_at, stored.sliding_seconds)
    expires_at, sliding = life if edit.expires_at is UNSET else (edit.expires_at, edit.sliding_seconds)
    return replace(
        stored,
        version=version,
        content=stored.content if edit.content is UNSET else edit.content,
        metadata=stored.metadata if edit.metadata is UNSET else edit.metadata,
        updated_at=now,
        expires_at=None if expires_at is None else expires_at.astimezone(UTC),
        sliding_seconds=sliding,
        edits=stored.edits if edit.edit_id is None else (*stored.edits, edit.edit_id)[-MAX_EDITS:],
        source=edit.source,
        **edit.labels,
    )


def is_meant(deletion: Deletion, stored: Snapshot) -> bool:
    """Return whether a deletion is of a live state as it is stored now."""
    in_time = deletion.expired_by is None or has_expired(stored, deletion.expired_by)
    return in_time and deletion.seen in {None, stored.version}


def was_edited(stored: Snapshot) -> bool:
    """Return whether a live memory has been edited since it was stored."""
    return stored.updated_at is not None


def tombstone_of(stored: MemoryRecord | Snapshot, edit_id: str | None, version: int | None = None) -> Snapshot:
    """Return the tombstone that a deletion leaves, newer than what it deletes.

    By default it is no newer than it has to be: a version of a tombstone counts only against other tombstones, and that
    of what was erased must not be above the fence, which whoever deletes may not have heard of.
    """
    return tombstone_for(stored, max(version or 0, stored.version + 1), edit_id)


def least_tombstone(stored: MemoryRecord) -> Snapshot:
    """Return a tombstone as `tombstone_of` does by default, whose version is one that every store takes."""
    return tombstone_for(stored, min(stored.version + 1, MAX_VERSION))


def tombstone_for(record: MemoryRecord | Snapshot, version: int, edit_id: str | None = None) -> Snapshot:
    """Return the tombstone of a memory under this version."""
    return Snapshot(
        user_id=record.owner.key,
        id=record.id,
        version=version,
        content=None,
        created_at=record.created_at,
        edits=() if edit_id is None else (edit_id,),
    )


def deleted_by(tombstone: Snapshot, edit_id: str | None) -> bool:
    """Return whether this very edit deleted a memory, so that its repetition gets the same answer."""
    return tombstone.created_at is not None and edit_id in tombstone.edits
