"""The schemas of the API's requests and responses."""

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import asdict, replace

from app.http.cursors import MAX_CURSOR_CHARS, Cursors
from app.http.idempotency import WriteIds
from app.http.lifetimes import MAX_TTL_SECONDS, Lifetime
from app.http.moments import check_happened
from providers import limits
from providers.errors import InvalidInput
from providers.filters import Filter
from providers.json_limits import MAX_METADATA_BYTES, MAX_METADATA_DEPTH
from providers.labels import LABELS, MAX_LABEL_CHARS
from providers.owners import Owner
from providers.positions import Order
from providers.types import Conditions, Edit, MemoryRecord, Metadata, NewMemory, PageQuery, RecallQuery, as_page

MAX_OWNERS = 8  # of one recall
MAX_RECALL_CHARACTERS = 1_000_000
# Of a question with a budget and no limit: so many are enough to fill most budgets.
BUDGET_RECALL_LIMIT = 100

_OF_USER = "The user whose memories are meant, if no header and no parameter names it."

Content = Annotated[str, Meta(min_length=1, max_length=limits.MAX_CONTENT_CHARS)]
UserId = Annotated[str, Meta(min_length=1, max_length=limits.MAX_USER_ID_CHARS, description=_OF_USER)]
Owners = Annotated[
    list[Annotated[str, Meta(min_length=1, max_length=limits.MAX_USER_ID_CHARS)]],
    Meta(min_length=1, max_length=MAX_OWNERS, description="Users, teams and agents, by their ids, each once."),
]
Query = Annotated[str, Meta(min_length=1, max_length=limits.MAX_QUERY_CHARS)]
Characters = Annotated[int, Meta(ge=1, le=MAX_RECALL_CHARACTERS)]
RecallLimit = Annotated[int, Meta(ge=1, le=limits.MAX_RECALL_LIMIT)]
Score = Annotated[float, Meta(ge=0, le=1)]
Moment = Annotated[datetime, Meta(tz=True)]
HappenedAt = Annotated[datetime, Meta(tz=True, description="When it happened; by default now, at most a day ahead.")]
_EXPIRES = "From when on nobody sees it any more; it is erased later. Not together with `ttl_seconds`."
ExpiresAt = Annotated[datetime, Meta(tz=True, description=_EXPIRES)]
_TTL = "For how many seconds from now on it is to live; not together with `expires_at`."
TtlSeconds = Annotated[int, Meta(ge=1, le=MAX_TTL_SECONDS, description=_TTL)]
Label = Annotated[str, Meta(min_length=1, max_length=MAX_LABEL_CHARS)]
PageLimit = Annotated[int, Meta(ge=1, le=limits.MAX_PAGE_LIMIT)]
Offset = Annotated[int, Meta(ge=0, le=limits.MAX_LIST_OFFSET)]
MetadataField = Annotated[
    Metadata, Meta(description=f"At most {MAX_METADATA_BYTES} bytes of JSON and {MAX_METADATA_DEPTH} levels.")
]


class LabelledRequest(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The labels in a request: what memories belong to beside their user."""

    session: Label | None = None
    agent: Label | None = None
    app: Label | None = None
    speaker: Label | None = None

    @property
    def labels(self) -> dict[str, Any]:
        """The labels by their names."""
        return {name: getattr(self, name) for name in LABELS}


class RememberRequest(LabelledRequest, frozen=True, forbid_unknown_fields=True):
    """A memory to store; it happened now unless `created_at` tells when."""

    content: Content
    metadata: MetadataField | None = None
    created_at: HappenedAt | None = None
    expires_at: ExpiresAt | None = None
    ttl_seconds: TtlSeconds | None = None

    def memory(self, owner: Owner, memory_id: str | None, lifetime: Lifetime) -> NewMemory:
        """Return the memory to store; raise `InvalidInput` if its moments are not those of a memory written now."""
        check_happened(self.created_at, lifetime.now)
        return NewMemory(
            owner=owner,
            content=self.content,
            metadata=self.metadata,
            memory_id=memory_id,
            created_at=self.created_at,
            expires_at=lifetime.of_new(self.expires_at, self.ttl_seconds),
            **self.labels,
        )


class Message(Struct, frozen=True, forbid_unknown_fields=True):
    """One message of a conversation; its speaker is the `name`, or else the `role`."""

    role: Label
    content: Content
    name: Label | None = None


class RememberOneRequest(LabelledRequest, frozen=True, forbid_unknown_fields=True):
    """A memory to store, or the messages of a conversation, each of which becomes a memory, in their order."""

    content: Content | UnsetType = UNSET
    messages: Annotated[list[Message], Meta(min_length=1, max_length=limits.MAX_BATCH)] | UnsetType = UNSET
    metadata: MetadataField | None = None
    created_at: HappenedAt | None = None
    expires_at: ExpiresAt | None = None
    ttl_seconds: TtlSeconds | None = None
    user_id: UserId | UnsetType = UNSET

    @property
    def each(self) -> list[RememberRequest]:
        """The memories to store.

        Raises:
            InvalidInput: there are both content and messages, or neither; or the messages' speaker is given twice.
        """
        if self.messages is UNSET:
            if self.content is UNSET:
                raise InvalidInput("content", "is required")
            return [self._one(self.content, self.labels)]
        if self.content is not UNSET:
            raise InvalidInput("messages", "must not be given together with content")
        if self.speaker is not None:
            raise InvalidInput("speaker", "must not be given together with messages, which name their speakers")
        return [
            self._one(message.content, self.labels | {"speaker": message.name or message.role})
            for message in self.messages
        ]

    def _one(self, content: str, labels: dict[str, Any]) -> RememberRequest:
        return RememberRequest(content, self.metadata, self.created_at, self.expires_at, self.ttl_seconds, **labels)


class ChangeRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The changes to a memory; a field that is left out stays, `null` removes the metadata, the expiry or a label."""

    content: Content | UnsetType = UNSET
    metadata: MetadataField | UnsetType | None = UNSET
    expires_at: ExpiresAt | UnsetType | None = UNSET
    ttl_seconds: TtlSeconds | UnsetType = UNSET
    session: Label | UnsetType | None = UNSET
    agent: Label | UnsetType | None = UNSET
    app: Label | UnsetType | None = UNSET
    speaker: Label | UnsetType | None = UNSET

    def edit(self, owner: Owner, memory_id: str, ids: WriteIds, lifetime: Lifetime) -> Edit:
        """Return the edit to make, with its id; raise `InvalidInput` if its expiry is not that of a memory now."""
        changes = {name: getattr(self, name) for name in ("content", "metadata", *LABELS)}
        expires_at = lifetime.of_change(self.expires_at, self.ttl_seconds)
        edit = Edit(owner=owner, memory_id=memory_id, expires_at=expires_at, **changes)
        return ids.update(edit, None if self.ttl_seconds is UNSET else self.ttl_seconds)


class UpdateRequest(ChangeRequest, frozen=True, forbid_unknown_fields=True):
    """The changes to a memory, alone in their request; a field that is left out stays, `null` removes it."""

    user_id: UserId | UnsetType = UNSET


class ConditionsRequest(LabelledRequest, frozen=True, kw_only=True):
    """The conditions for memories: those are meant that meet all of them.

    `where` is a condition on the metadata; `created_from` is inclusive, `created_before` exclusive; a label is to be
    the same.
    """

    where: Filter | None = None
    created_from: Moment | None = None
    created_before: Moment | None = None

    @property
    def conditions(self) -> Conditions:
        """The conditions that memories are to meet."""
        return Conditions(**{name: getattr(self, name) for name in ConditionsRequest.__struct_fields__})


class RecallRequest(ConditionsRequest, frozen=True, forbid_unknown_fields=True):
    """A query, and the conditions for the memories to search.

    `where` is a condition on the metadata; `created_from` is inclusive, `created_before` exclusive. `max_characters` is
    a budget: a memory that does not fit any more is passed over. `format` is `text` for one text beside the memories,
    ready for a prompt; the budget is that of the text then.
    """

    query: Query
    limit: RecallLimit | UnsetType = UNSET
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
            min_score=self.min_score,
            most_bytes=most_bytes,
            **asdict(self.conditions),
        )


class ListRequest(ConditionsRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A page of a list: the conditions for the memories, which of them comes first, and where the page begins.

    With `total` the answer tells how many memories meet the conditions.
    """

    order: Order = "newest"
    limit: PageLimit = limits.DEFAULT_LIST_LIMIT
    offset: Offset = 0
    cursor: Annotated[str, Meta(min_length=1, max_length=MAX_CURSOR_CHARS)] | None = None
    total: bool = False
    user_id: UserId | UnsetType = UNSET

    def page(self, owner: Owner, most_bytes: int, cursors: Cursors) -> PageQuery:
        """Return the page to list; raise as `Cursors.continued` if its cursor does not lead there."""
        query = replace(
            as_page(self.conditions, owner),
            order=self.order,
            limit=self.limit,
            offset=self.offset,
            most_bytes=most_bytes,
            total=self.total,
        )
        if self.cursor is None:
            return query
        if self.offset:
            raise InvalidInput("offset", "must not be given together with a cursor")
        return cursors.continued(query, self.cursor)


class SingleRecallRequest(RecallRequest, frozen=True, forbid_unknown_fields=True):
    """A query, alone in its request; in place of one user it may name several `owners`, whose memories are merged."""

    user_id: UserId | UnsetType = UNSET
    owners: Owners | UnsetType = UNSET


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


class DryRunResponse(Struct, frozen=True):
    """So many memories meet the conditions; none was deleted."""

    matching: int
    status: Literal["dry_run"] = "dry_run"


class RecallResponse(Struct, frozen=True):
    """The memories found, best first; `text` tells them line by line, if it was asked for."""

    memories: list[MemoryRecord]
    count: int
    text: str | UnsetType = UNSET


class ListResponse(Struct, frozen=True, omit_defaults=True):
    """One page of memories; `next_cursor` is null on the last page.

    `total` counts the memories that meet the conditions, where the request asks for it.
    """

    memories: list[MemoryRecord]
    count: int
    next_cursor: str | None
    total: int | UnsetType = UNSET
