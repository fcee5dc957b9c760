"""The schemas of the API's requests and responses."""

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
MAX_RECALL_CHARACTERS = 1_000_000
# Of a question with a budget and no limit: so many are enough to fill most budgets.
BUDGET_RECALL_LIMIT = 100
# The limits of an order in a request: names that are not configured are compared with those that are, which takes time.
MAX_ORDER = 100
MAX_NAME_CHARS = 100

_OF_USER = "The user whose memories are meant, if no header and no parameter names it."

Content = Annotated[str, Meta(min_length=1, max_length=limits.MAX_CONTENT_CHARS)]
UserId = Annotated[str, Meta(min_length=1, max_length=limits.MAX_USER_ID_CHARS, description=_OF_USER)]
Query = Annotated[str, Meta(min_length=1, max_length=limits.MAX_QUERY_CHARS)]
Characters = Annotated[int, Meta(ge=1, le=MAX_RECALL_CHARACTERS)]
RecallLimit = Annotated[int, Meta(ge=1, le=limits.MAX_RECALL_LIMIT)]
Score = Annotated[float, Meta(ge=0, le=1)]
Moment = Annotated[datetime, Meta(tz=True)]
MetadataField = Annotated[
    Metadata, Meta(description=f"At most {MAX_METADATA_BYTES} bytes of JSON and {MAX_METADATA_DEPTH} levels.")
]


class RememberRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A memory to store."""

    content: Content
    metadata: MetadataField | None = None

    def memory(self, owner: Owner, memory_id: str | None) -> NewMemory:
        """Return the memory to store."""
        return NewMemory(owner=owner, content=self.content, metadata=self.metadata, memory_id=memory_id)


class SingleRememberRequest(RememberRequest, frozen=True, forbid_unknown_fields=True):
    """A memory to store, alone in its request."""

    user_id: UserId | UnsetType = UNSET


class UpdateRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The changes to a memory; a field that is left out stays, `"metadata": null` removes the metadata."""

    content: Content | UnsetType = UNSET
    metadata: MetadataField | UnsetType | None = UNSET
    user_id: UserId | UnsetType = UNSET

    def edit(self, owner: Owner, memory_id: str, edit_id: str | None) -> Edit:
        """Return the edit to make."""
        return Edit(owner=owner, memory_id=memory_id, content=self.content, metadata=self.metadata, edit_id=edit_id)


class RecallRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A query, and the conditions for the memories to search.

    `where` is a condition on the metadata; `created_from` is inclusive, `created_before` exclusive. `max_characters` is
    a budget: a memory that does not fit any more is passed over. `format` is `text` for one text beside the memories,
    ready for a prompt; the budget is that of the text then.
    """

    query: Query
    limit: RecallLimit | UnsetType = UNSET
    where: Filter | None = None
    created_from: Moment | None = None
    created_before: Moment | None = None
    min_score: Score = 0.0
    max_characters: Characters | UnsetType = UNSET
    format: Literal["memories", "text"] = "memories"

    def wanted(self, default_limit: int) -> int:
        """Return how many memories may answer; `default_limit` is that of a question without one."""
        if self.limit is not UNSET:
            return self.limit
        return default_limit if self.max_characters is UNSET else max(BUDGET_RECALL_LIMIT, default_limit)

    def recall_query(self, owner: Owner, default_limit: int, most_bytes: int) -> RecallQuery:
        """Return the query to answer, with the bound of the whole answer."""
        return RecallQuery(
            owner=owner,
            query=self.query,
            limit=self.wanted(default_limit),
            where=self.where,
            created_from=self.created_from,
            created_before=self.created_before,
            min_score=self.min_score,
            most_bytes=most_bytes,
        )


class SingleRecallRequest(RecallRequest, frozen=True, forbid_unknown_fields=True):
    """A query, alone in its request."""

    user_id: UserId | UnsetType = UNSET


class RememberBatchRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Memories to store in one go, with 100,000 JSON values in all; an invalid one fails alone."""

    memories: Annotated[list[RememberRequest], Meta(min_length=1, max_length=limits.MAX_BATCH)]
    user_id: UserId | UnsetType = UNSET


class RecallBatchRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Queries to answer in one go, with 100,000 JSON values in all; an invalid one fails alone."""

    queries: Annotated[list[RecallRequest], Meta(min_length=1, max_length=limits.MAX_BATCH)]
    user_id: UserId | UnsetType = UNSET


class RememberResponse(Struct, frozen=True):
    """The memory is durable and will be found; `accepted` if the first provider has not confirmed it yet."""

    memory_id: str
    status: Literal["stored", "accepted"] = "stored"


class DeleteResponse(Struct, frozen=True):
    """The memory is gone for good."""

    memory_id: str
    status: Literal["deleted"] = "deleted"


class DeleteAllResponse(Struct, frozen=True):
    """So many memories are gone for good; with `more` there are others, and the request must be repeated."""

    deleted: int
    more: bool
    status: Literal["deleted"] = "deleted"


class RecallResponse(Struct, frozen=True):
    """The memories found, best first; `text` tells them line by line, if it was asked for."""

    memories: list[MemoryRecord]
    count: int
    text: str | UnsetType = UNSET


class ListResponse(Struct, frozen=True):
    """One page of memories, newest first; `next_cursor` is null on the last page."""

    memories: list[MemoryRecord]
    count: int
    next_cursor: str | None


class RememberItem(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The result for one memory of a batch: an id, or the problem with it."""

    status: Literal["stored", "accepted", "failed"]
    memory_id: str | None = None
    problem: Problem | None = None


class RememberBatchResponse(Struct, frozen=True):
    """The result for each memory, in the order they were sent."""

    results: list[RememberItem]
    stored: int
    failed: int


class RecallItem(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The answer to one query of a batch: memories, or the problem with it."""

    status: Literal["answered", "failed"]
    memories: list[MemoryRecord] | None = None
    count: int | None = None
    text: str | UnsetType = UNSET
    problem: Problem | None = None


class RecallBatchResponse(Struct, frozen=True):
    """The answer to each query, in the order they were sent."""

    results: list[RecallItem]
    answered: int
    failed: int


class LiveResponse(Struct, frozen=True):
    """The process runs."""

    alive: bool = True


class ReadyResponse(Struct, frozen=True):
    """Whether requests can be served, and the health of each provider; `leaving` before the service stops.

    `reason` is why it is not ready: it is leaving, still warming up, or no provider that could answer is healthy.
    """

    ready: bool
    providers: Mapping[str, Health]
    leaving: bool = False
    reason: Literal["leaving", "warming", "unhealthy"] | UnsetType = UNSET


class BreakerChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What to do with a circuit breaker: refuse all calls, let all calls pass, or release it."""

    state: Literal["open", "closed", "auto"]
    reason: Annotated[str, Meta(max_length=MAX_REASON_CHARS)] = ""


class JournalResponse(Struct, frozen=True, kw_only=True):
    """A journal in numbers: `id` is unique to it; `backlogs` has one for each member."""

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
    """The delivery is no dead letter any more, and due at its provider."""

    seq: int
    provider: str
    status: Literal["due"] = "due"


class DiscardResponse(Struct, frozen=True):
    """The provider lacks that operation, and is not believed about the memory until it is merged or written anew."""

    seq: int
    provider: str
    status: Literal["discarded"] = "discarded"


class UserCounts(Struct, frozen=True):
    """A user, with how many memories it has, and how many deleted ones are still known."""

    user_id: str
    memories: int
    deleted: int


class UsersResponse(Struct, frozen=True):
    """One page of users, ordered by name, as `provider` holds them; `next_after` is null on the last page."""

    users: list[UserCounts]
    count: int
    provider: str
    next_after: str | None


class OrderRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The providers to be used, by name; the first is home."""

    order: Annotated[list[Annotated[str, Meta(max_length=MAX_NAME_CHARS)]], Meta(max_length=MAX_ORDER)]


class OrderResponse(Struct, frozen=True, kw_only=True):
    """The order in force `since` then, and the configured one, which applies again as soon as it changes.

    `set_by` is the id of a key, or `configuration`. `refused` says why the last configuration was refused.
    """

    order: list[str]
    configured: list[str]
    since: datetime
    set_by: str
    refused: str | None
