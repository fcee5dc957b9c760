"""What the dialects' answers have in common: mem0's own record of a memory, and a 404 that may be about it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from providers.mem0.client import HttpResponse
from providers.mem0.failures import says_no_such_memory, wrong_place
from providers.mem0.item import Item, converted

MISSING = 404
MAY_MISS = frozenset({MISSING})
NIL = str(UUID(int=0))


class Record(Struct):
    """A memory in the answers of mem0's server and mem0's platform."""

    id: str
    memory: str | None = None
    user_id: str | None = None
    metadata: dict[str, Any] | None = None
    score: float | None = None
    created_at: str | None = None
    updated_at: str | None = None


class SpecRecord(Record, kw_only=True, rename={"memory": "content", "score": "similarity_score"}):
    """A memory in the answers of the API of SPEC-020; only what is declared here is renamed."""

    memory: str
    score: float | None = None


class Results(Struct):
    """A list of memories, or a page of one; `count` is how many there are on all its pages."""

    results: list[Record]
    count: int | None = None
    next: str | None = None


class Added(Struct):
    """One memory that a call has stored."""

    id: str
    event: str = "ADD"


def item_of(record: Record, user: str) -> Item:
    """Convert a record to an item; one without a user belongs to the user that was asked for."""
    return Item(
        id=record.id,
        user=user if record.user_id is None else record.user_id,
        text=record.memory or "",
        metadata=record.metadata,
        created_at=moment_of_text(record.created_at),
        updated_at=moment_of_text(record.updated_at),
        score=record.score,
    )


def items_of(body: object, user: str) -> list[Item]:
    """Return the memories of an answer, which come bare or as `results`."""
    records = converted(body, list[Record]) if isinstance(body, list) else converted(body, Results).results
    return [item_of(record, user) for record in records]


def is_missing(answer: HttpResponse) -> bool:
    """Return whether there is no such memory; raise `Misconfigured` if there is no such path."""
    if answer.status != MISSING:
        return False
    if not says_no_such_memory(answer.body):
        raise wrong_place(MISSING)
    return True


def moment_of_text(text: str | None) -> datetime | None:
    """Parse a moment in ISO 8601; return None if it is none."""
    try:
        return None if text is None else datetime.fromisoformat(text)
    except ValueError:
        return None
