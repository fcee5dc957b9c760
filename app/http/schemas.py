"""What a client may send, and what it gets."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from app.http.problems import Problem
from providers import limits
from providers.filters import Filter
from providers.journal.operations import Backlog, DeadLetter
from providers.json_limits import MAX_METADATA_BYTES, MAX_METADATA_DEPTH
from providers.types import Edit, Health, MemoryRecord, Metadata, NewMemory, Owner, RecallQuery

MAX_REASON_CHARS = 500
# Of an order that is asked for: what is not configured is looked for among what is, which takes its time.
MAX_ORDER = 100
MAX_NAME_CHARS = 100

Content = Annotated[str, Meta(min_length=1, max_length=limits.MAX_CONTENT_CHARS)]
Query = Annotated[str, Meta(min_length=1, max_length=limits.MAX_QUERY_CHARS)]
RecallLimit = Annotated[int, Meta(ge=1, le=limits.MAX_RECALL_LIMIT)]
Score = Annotated[float, Meta(ge=0, le=1)]
Moment = Annotated[datetime, Meta(tz=True)]
MetadataField = Annotated[
    Metadata,
    Meta(description=f"At most {MAX_METADATA_BYTES} bytes of JSON and {MAX_METADATA_DEPTH} levels."),
]


class RememberRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A memory to store."""

    content: Content
    metadata: MetadataField | None = None

    def memory(self, owner: Owner, memory_id: str | None) -> NewMemory:
        """Return what is to be stored."""
        return NewMemory(owner=owner, content=self.content, metadata=self.metadata, memory_id=memory_id)


class UpdateRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What to replace of a memory; what is left out stays, `"metadata": null` removes the metadata."""

    content: Content | UnsetType = UNSET
    metadata: MetadataField | UnsetType | None = UNSET

    def edit(self, owner: Owner, memory_id: str, edit_id: str | None) -> Edit:
        """Return what is to be changed."""
        return Edit(owner=owner, memory_id=memory_id, content=self.content, metadata=self.metadata, edit_id=edit_id)


class RecallRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A question, and among which memories to look.

    `where` is a condition on the metadata; `created_from` is inclusive, `created_before` exclusive.
    """

    query: Query
    limit: RecallLimit | UnsetType = UNSET
    where: Filter | None = None
    created_from: Moment | None = None
    created_before: Moment | None = None
    min_score: Score = 0.0

    def question(self, owner: Owner, default_limit: int) -> RecallQuery:
        """Return what is to be found."""
        return RecallQuery(
            owner=owner,
            query=self.query,
            limit=default_limit if self.limit is UNSET else self.limit,
            where=self.where,
            created_from=self.created_from,
            created_before=self.created_before,
            min_score=self.min_score,
        )


class RememberBatchRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Memories to store in one go, with 100,000 JSON values in all; one that is not as it must be fails alone."""

    memories: Annotated[list[RememberRequest], Meta(min_length=1, max_length=limits.MAX_BATCH)]


class RecallBatchRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Questions to answer in one go, with 100,000 JSON values in all; one that is not as it must be fails alone."""

    queries: Annotated[list[RecallRequest], Meta(min_length=1, max_length=limits.MAX_BATCH)]


class RememberResponse(Struct, frozen=True):
    """The memory is durable and will be found; `accepted` if the first provider has not confirmed it yet."""

    memory_id: str
    status: Literal["stored", "accepted"] = "stored"


class DeleteResponse(Struct, frozen=True):
    """The memory is gone for good."""

    memory_id: str
    status: Literal["deleted"] = "deleted"


class DeleteAllResponse(Struct, frozen=True):
    """So many memories are gone for good; with `more` there are others, and the request is to be made again."""

    deleted: int
    more: bool
    status: Literal["deleted"] = "deleted"


class RecallResponse(Struct, frozen=True):
    """The memories found, best first."""

    memories: list[MemoryRecord]
    count: int


class ListResponse(Struct, frozen=True):
    """One page of memories, newest first; `next_cursor` is null on the last page."""

    memories: list[MemoryRecord]
    count: int
    next_cursor: str | None


class RememberItem(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What became of one memory of a batch: an id, or the problem with it."""

    status: Literal["stored", "accepted", "failed"]
    memory_id: str | None = None
    problem: Problem | None = None


class RememberBatchResponse(Struct, frozen=True):
    """What became of each memory, in the order they were sent."""

    results: list[RememberItem]
    stored: int
    failed: int


class RecallItem(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The answer to one question of a batch: memories, or the problem with it."""

    status: Literal["answered", "failed"]
    memories: list[MemoryRecord] | None = None
    count: int | None = None
    problem: Problem | None = None


class RecallBatchResponse(Struct, frozen=True):
    """The answer to each question, in the order they were asked."""

    results: list[RecallItem]
    answered: int
    failed: int


class LiveResponse(Struct, frozen=True):
    """The process runs."""

    alive: bool = True


class ReadyResponse(Struct, frozen=True):
    """Whether requests can be served, and how each provider is; `leaving` before the service stops.

    `reason` is why it is not ready: it is leaving, still warming up, or no provider that could answer is healthy.
    """

    ready: bool
    providers: Mapping[str, Health]
    leaving: bool = False
    reason: Literal["leaving", "warming", "unhealthy"] | UnsetType = UNSET


class BreakerChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What to do with a circuit breaker: let nobody through, let everybody through, or leave it to itself."""

    state: Literal["open", "closed", "auto"]
    reason: Annotated[str, Meta(max_length=MAX_REASON_CHARS)] = ""


class JournalResponse(Struct, frozen=True, kw_only=True):
    """A journal in numbers: `id` tells it from every other; `backlogs` has one for each member."""

    id: str
    operations: int
    tombstones: int
    last_seq: int
    backlogs: tuple[Backlog, ...]


class DeadLettersResponse(Struct, frozen=True):
    """One page of dead letters, oldest first; `next_after` is null on the last page."""

    dead: list[DeadLetter]
    count: int
    next_after: int | None


class RetryResponse(Struct, frozen=True):
    """The dead letter is one no more, and due at its provider."""

    seq: int
    provider: str
    status: Literal["due"] = "due"


class DiscardResponse(Struct, frozen=True):
    """The dead letter is gone, and its provider never gets that operation."""

    seq: int
    provider: str
    status: Literal["discarded"] = "discarded"


class OrderRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The providers to be used, by name; the first is home."""

    order: Annotated[list[Annotated[str, Meta(max_length=MAX_NAME_CHARS)]], Meta(max_length=MAX_ORDER)]


class OrderResponse(Struct, frozen=True, kw_only=True):
    """The order in force `since` then, and the configured one, which holds again as soon as it changes.

    `set_by` is the id of a key, or `configuration`. `refused` says why what was configured last is not in force.
    """

    order: list[str]
    configured: list[str]
    since: datetime
    set_by: str
    refused: str | None
