"""What mem0's clients get back."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from msgspec import Struct

from app.compat.mem0.expiration import expiration_date_of
from app.compat.mem0.ids import sealed
from app.compat.mem0.labels import labels_of
from app.compat.mem0.users import shown_user
from providers.types import MemoryRecord, Metadata


class Mem0Memory(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One memory, as mem0 writes it; `score` is set by a search alone, and lies in [0, 1]."""

    id: str
    memory: str
    user_id: str | None
    agent_id: str | None
    app_id: str | None
    run_id: str | None
    metadata: Metadata | None
    categories: list[str]
    created_at: datetime
    updated_at: datetime
    score: float | None = None
    role: str | None = None
    expiration_date: date | None = None


class AddedText(Struct, frozen=True):
    """The text of a memory once more, where older clients look for it."""

    memory: str


class AddedMemory(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one message: `ADD`, or `FAILED` with the reason; or a fact, with the ids of its `sources`."""

    memory: str
    event: str
    data: AddedText
    id: str | None = None
    role: str | None = None
    error: str | None = None
    sources: list[str] | None = None


class AddAnswer(Struct, frozen=True, kw_only=True):
    """What became of all messages; the message says how they were stored."""

    message: str
    status: str
    results: list[AddedMemory]


class ResultsAnswer(Struct, frozen=True):
    """Memories in the requested order."""

    results: list[Mem0Memory]


class PageAnswer(Struct, frozen=True, kw_only=True):
    """One page of memories; `count` is how many there are on all pages."""

    count: int
    next: str | None
    previous: str | None
    results: list[Mem0Memory]


class MessageAnswer(Struct, frozen=True):
    """What was done, in words."""

    message: str


class PingAnswer(Struct, frozen=True, kw_only=True):
    """The key is known; there are no organisations and projects, whose ids clients only repeat."""

    status: str = "ok"
    org_id: str = "default"
    project_id: str = "default"
    user_email: str = ""


class HistoryEntry(Struct, frozen=True, kw_only=True):
    """One event in the life of a memory."""

    id: str
    memory_id: str
    event: str
    old_memory: str | None
    new_memory: str | None
    user_id: str | None
    created_at: datetime
    updated_at: datetime
    input: list[dict[str, Any]] = []


class Entity(Struct, frozen=True, kw_only=True):
    """A user who has memories."""

    id: str
    name: str
    type: str = "user"
    total_memories: int


class EntitiesAnswer(Struct, frozen=True, kw_only=True):
    """The users that the key speaks for."""

    count: int
    results: list[Entity]
    total_users: int
    next: str | None = None
    previous: str | None = None
    total_agents: int = 0
    total_apps: int = 0
    total_runs: int = 0


def mem0_memory(record: MemoryRecord) -> Mem0Memory:
    """Return a memory as mem0 writes it."""
    labels = labels_of(record)
    return Mem0Memory(
        id=sealed(record.id, record.user_id),
        memory=record.content,
        user_id=shown_user(record.user_id),
        agent_id=labels.agent_id,
        app_id=labels.app_id,
        run_id=labels.run_id,
        metadata=record.metadata,
        categories=[],
        created_at=record.created_at,
        updated_at=record.updated_at or record.created_at,
        score=record.similarity_score,
        role=record.speaker,
        expiration_date=expiration_date_of(record.expires_at),
    )


def mem0_memories(records: Sequence[MemoryRecord]) -> list[Mem0Memory]:
    """Return memories as mem0 writes them."""
    return [mem0_memory(record) for record in records]


def history_of(records: Sequence[MemoryRecord]) -> list[HistoryEntry]:
    """Return the events in a memory's life, of its versions from the oldest to the newest.

    Where the first version is not kept any more, that it was added is known, and not with which text.
    """
    first = records[0]
    added = _event("ADD", None if first.updated_at else first.content, None, first, first.created_at)
    changes = [record for record in records if record.updated_at is not None]
    befores = [None if records[0] is changes[0] else records[0].content] if changes else []
    befores += [record.content for record in changes[:-1]]
    return [
        added,
        *(
            _event("UPDATE", record.content, before, record, record.updated_at or record.created_at)
            for record, before in zip(changes, befores, strict=True)
        ),
    ]


def _event(event: str, text: str | None, before: str | None, record: MemoryRecord, moment: datetime) -> HistoryEntry:
    memory = mem0_memory(record)
    number = "" if event == "ADD" else f".{record.version}"
    return HistoryEntry(
        id=f"{memory.id}.{event.lower()}{number}",
        memory_id=memory.id,
        event=event,
        old_memory=before,
        new_memory=text,
        user_id=memory.user_id,
        created_at=record.created_at,
        updated_at=moment,
    )
