"""The edit that replaces all parts of a memory by those of another one, as a put under its key does."""

from providers.types import Edit, NewMemory


def replacement(memory: NewMemory, memory_id: str, *, edit_id: str | None = None, seen: int | None = None) -> Edit:
    """Return the edit that gives the memory of an id all that a new one has, except what never changes."""
    return Edit(
        owner=memory.owner,
        memory_id=memory_id,
        content=memory.content,
        metadata=memory.metadata,
        expires_at=memory.expires_at,
        sliding_seconds=memory.sliding_seconds,
        session=memory.session,
        agent=memory.agent,
        app=memory.app,
        speaker=memory.speaker,
        edit_id=edit_id,
        seen=seen,
        source=memory.source,
    )
