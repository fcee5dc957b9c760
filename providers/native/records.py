"""Rows of the table as values."""

from typing import Any

from sqlalchemy import Row

from providers.types import MemoryRecord, Snapshot


def record_of(row: Row[Any], score: float | None = None) -> MemoryRecord:
    """Give a memory as a caller sees it."""
    return MemoryRecord(
        id=str(row.id),
        user_id=row.user_id,
        content=row.content,
        metadata=row.metadata,
        created_at=row.created_at,
        updated_at=row.updated_at,
        similarity_score=score,
    )


def snapshot_of(row: Row[Any]) -> Snapshot:
    """Give a memory or a tombstone as another replica needs it."""
    return Snapshot(
        user_id=row.user_id,
        id=str(row.id),
        version=row.version,
        content=row.content,
        metadata=row.metadata,
        created_at=row.created_at,
        updated_at=row.updated_at,
        digest=row.digest or b"",
        edits=tuple(map(str, row.edits)),
    )
