"""The plain frozen values that cross the provider boundary."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, Struct

from observability.metrics import Metrics
from providers.filters import Filter
from providers.states.clock import HybridClock

Metadata = dict[str, Any]


class MemoryRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One memory as a caller sees it.

    `similarity_score` lies in [0, 1] and is set by recall alone; `embedding` is float32[dim], set where asked for.
    """

    id: str
    user_id: str
    content: str
    metadata: Metadata | None
    created_at: datetime
    updated_at: datetime | None
    similarity_score: float | None = None
    embedding: list[float] | None = None


class NewMemory(Struct, frozen=True, kw_only=True):
    """A memory to store.

    `memory_id` and `version` come from above, so that a retry is harmless; a provider mints what is missing.
    """

    user_id: str
    content: str
    metadata: Metadata | None = None
    memory_id: str | None = None
    version: int | None = None
    created_at: datetime | None = None


class RecallQuery(Struct, frozen=True, kw_only=True):
    """What to look for, and among which of a user's memories.

    `where` filters on metadata; `created_from` is inclusive, `created_before` exclusive; hits below `min_score` are
    left out.
    """

    user_id: str
    query: str
    limit: int = 10
    where: Filter | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None
    min_score: float = 0.0


class Position(Struct, frozen=True, array_like=True):
    """A place in a user's list, which runs from the newest to the oldest memory: the last one already seen."""

    created_at: Annotated[datetime, Meta(tz=True)]
    memory_id: str


class Snapshot(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One memory with all that a copy of it must know; or the tombstone of one, which has no content.

    `digest` is that of the content and metadata that were stored first (see `providers/states/digests.py`), so that a
    retry of that first write is known after an edit, too; a tombstone has none. `edits` are the ids of the last
    changes; of a tombstone that of the deletion, if it has one. A tombstone's `created_at` is None if there
    was nothing to delete.
    """

    user_id: str
    id: str
    version: int
    content: str | None
    metadata: Metadata | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    digest: bytes = b""
    edits: tuple[str, ...] = ()

    @property
    def deleted(self) -> bool:
        """Whether this is a tombstone."""
        return self.content is None


class Health(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether a provider can serve; each provider adds what it knows about itself.

    `provider` is the class name; `error` says in one line what is wrong, `response_time_ms` is in milliseconds.
    """

    healthy: bool
    provider: str
    error: str | None = None
    response_time_ms: float | None = None


class Host(Struct, frozen=True, kw_only=True):
    """What the process gives every provider it opens: its name in the config, a data folder, metrics and a clock.

    `serves` is false for a command beside the service, in which a provider is to do nothing but what it is asked to.
    """

    name: str
    data_dir: Path
    metrics: Metrics
    clock: HybridClock
    serves: bool = True
