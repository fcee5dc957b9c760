"""Whole states of memories to put into replicas."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from msgspec.structs import replace

from providers.states.clock import milliseconds_of
from providers.states.digests import digest_of
from providers.types import Snapshot

MOMENT = datetime(2024, 2, 29, 12, 0, 0, 1, tzinfo=UTC)


def moment_of(version: int) -> datetime:
    """Return the moment at which a version was minted, if its clock was right: a different one for each millisecond."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds_of(version))


def live(user: str, content: str = "tea", version: int = 1_000, **others: Any) -> Snapshot:  # noqa: ANN401 - fields
    """Return a memory that was first stored as "tea"; `others` are fields that differ."""
    state = Snapshot(
        user_id=user,
        id=str(uuid4()),
        version=version,
        content=content,
        created_at=MOMENT,
        digest=digest_of("tea", None),
    )
    return replace(state, **others)


def tombstone(memory: Snapshot, version: int, *, edit: str | None = None, found: bool = True) -> Snapshot:
    """Return the tombstone that a deletion leaves, which found a memory or not."""
    return Snapshot(
        user_id=memory.user_id,
        id=memory.id,
        version=version,
        content=None,
        created_at=memory.created_at if found else None,
        edits=() if edit is None else (edit,),
    )
