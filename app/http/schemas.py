"""The schemas of the API's requests and responses."""

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import asdict, replace

from app.http.cursors import MAX_CURSOR_CHARS, Cursors
from app.http.idempotency import WriteIds
from app.http.lifetimes import MAX_TTL_SECONDS, Lifetime
from providers import limits
from providers.errors import InvalidInput
from providers.filters import Filter
from providers.json_limits import MAX_METADATA_BYTES, MAX_METADATA_DEPTH
from providers.labels import LABELS, MAX_LABEL_CHARS
from providers.owners import Owner
from providers.positions import Order
from providers.search.answer_options import AnswerOptions
from providers.search.explanations import Considered
from providers.search.recency import DAY, HALF_LIFE_DAYS, Recency
from providers.source import DEFAULT_ORIGIN, MAX_CALLER_CHARS, CallerOrigin, Origin, WriteSource
from providers.types import Conditions, Edit, MemoryRecord, Metadata, PageQuery, RecallQuery, as_page

MAX_OWNERS = 8  # of one recall
MAX_BATCH_OWNERS = 100  # of all queries of a batch together
MAX_RECALL_CHARACTERS = 1_000_000
MAX_HALF_LIFE_DAYS = 36_500
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
Diversity = Annotated[
    float, Meta(ge=0, le=1, description="How much a memory loses its place for being like one before it.")
]
HalfLife = Annotated[
    float,
    Meta(
        gt=0,
        le=MAX_HALF_LIFE_DAYS,
        description=f"After so many days half is left of it, {HALF_LIFE_DAYS:g} by default.",
    ),
]
Moment = Annotated[datetime, Meta(tz=True)]
HappenedAt = Annotated[datetime, Meta(tz=True, description="When it happened; by default now, at most a day ahead.")]
_EXPIRES = "From when on nobody sees it any more; it is erased later. Not together with `ttl_seconds`."
ExpiresAt = Annotated[datetime, Meta(tz=True, description=_EXPIRES)]
_TTL = "For how many seconds from now on it is to live; not together with `expires_at`."
TtlSeconds = Annotated[int, Meta(ge=1, le=MAX_TTL_SECONDS, description=_TTL)]
_SLIDES = "Whether a recall or a get gives it the `ttl_seconds` again, at most once in a tenth of them."
Sliding = Annotated[bool, Meta(description=_SLIDES)]
Label = Annotated[str, Meta(min_length=1, max_length=MAX_LABEL_CHARS)]
WrittenOrigin = Annotated[CallerOrigin, Meta(description="What the text comes from, as its writer says.")]
CallerId = Annotated[str, Meta(min_length=1, max_length=MAX_CALLER_CHARS)]
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


class ChangeRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The changes to a memory; a field that is left out stays, `null` removes the metadata, the expiry or a label."""

    content: Content | UnsetType = UNSET
    metadata: MetadataField | UnsetType | None = UNSET
    expires_at: ExpiresAt | UnsetType | None = UNSET
    ttl_seconds: TtlSeconds | UnsetType = UNSET
    sliding: Sliding = False
    session: Label | UnsetType | None = UNSET
    agent: Label | UnsetType | None = UNSET
    app: Label | UnsetType | None = UNSET
    speaker: Label | UnsetType | None = UNSET
    origin: WrittenOrigin | UnsetType = UNSET

    def edit(self, owner: Owner, memory_id: str, ids: WriteIds, lifetime: Lifetime) -> Edit:
        """Return the edit to make, with its id.

        Raises:
            InvalidInput: its expiry is not that of a memory now, or there is an origin of nothing.
        """
        changes = {name: getattr(self, name) for name in ("content", "metadata", *LABELS)}
        expires_at = lifetime.of_change(self.expires_at, self.ttl_seconds)
        if self.origin is not UNSET and all(one is UNSET for one in (*changes.values(), expires_at)):
            raise InvalidInput("origin", "is that of a change, and nothing else is changed")
        edit = Edit(
            owner=owner,
            memory_id=memory_id,
            expires_at=expires_at,
            sliding_seconds=lifetime.slides_by(self.ttl_seconds, sliding=self.sliding),
            source=WriteSource(origin=DEFAULT_ORIGIN if self.origin is UNSET else self.origin),
            **changes,
        )
        return ids.update(edit, None if self.ttl_seconds is UNSET else self.ttl_seconds)


class UpdateRequest(ChangeRequest, frozen=True, forbid_unknown_fields=True):
    """The changes to a memory, alone in their request; a field that is left out stays, `null` removes it."""

    user_id: UserId | UnsetType = UNSET


class ConditionsRequest(LabelledRequest, frozen=True, kw_only=True):
    """The conditions for memories: those are meant that meet all of them.

    `where` is a condition on the metadata; `created_from` is inclusive, `created_before` exclusive; a label is to be
    the same, and so is the `origin` of the text; `source_caller` has written it, with the API key `source_key`.
    """

    where: Filter | None = None
    created_from: Moment | None = None
    created_before: Moment | None = None
    origin: Origin | None = None
    source_caller: CallerId | None = None
    source_key: CallerId | None = None

    @property
    def conditions(self) -> Conditions:
        """The conditions that memories are to meet."""
        return Conditions(**{name: getattr(self, name) for name in ConditionsRequest.__struct_fields__})


class RecallRequest(ConditionsRequest, frozen=True, forbid_unknown_fields=True):
    """A query, and the conditions for the memories to search.

    `where` is a condition on the metadata; `created_from` is inclusive, `created_before` exclusive. `max_characters` is
    a budget: a memory that does not fit any more is passed over. `format` is `text` for one text beside the memories,
    ready for a prompt; the budget is that of the text then. `prefer` brings recent memories forward, `diversity` keeps
    the answers from repeating each other; neither changes a score. `explain` adds to each memory why it has its place.
    In place of one user a query may name several `owners`, whose memories are merged.
    """

    query: Query
    owners: Owners | UnsetType = UNSET
    limit: RecallLimit | UnsetType = UNSET
    min_score: Score = 0.0
    max_characters: Characters | UnsetType = UNSET
    format: Literal["memories", "text"] = "memories"
    prefer: Annotated[Literal["recent"], Meta(description="What comes forward among equals.")] | UnsetType = UNSET
    half_life_days: HalfLife | UnsetType = UNSET
    diversity: Diversity = 0.0
    explain: bool = False

    def recency(self, now: datetime) -> Recency | None:
        """Return the preference for what is recent, None without one.

        Raises:
            InvalidInput: there is a half-life of a preference that is not asked for.
        """
        if self.prefer is UNSET:
            if self.half_life_days is not UNSET:
                raise InvalidInput("half_life_days", 'is that of "prefer": "recent", which is not asked for')
            return None
        return Recency(now=now, half_life=(self.half_life_days or HALF_LIFE_DAYS) * DAY)

    def wanted(self, default_limit: int) -> int:
        """Return how many memories may answer; `default_limit` is that of a question without one."""
        if self.limit is not UNSET:
            return self.limit
        return default_limit if self.max_characters is UNSET else max(BUDGET_RECALL_LIMIT, default_limit)

    def recall_query(self, owner: Owner, default_limit: int, most_bytes: int, now: datetime) -> RecallQuery:
        """Return the query to answer now, with the bound of the whole answer; raise as `recency` does."""
        return RecallQuery(
            owner=owner,
            query=self.query,
            limit=self.wanted(default_limit),
            min_score=self.min_score,
            options=AnswerOptions(recency=self.recency(now), diversity=self.diversity, explain=self.explain),
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
    """A query, alone in its request, which may name the user whose memories are meant."""

    user_id: UserId | UnsetType = UNSET


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


class RecallResponse(Struct, frozen=True, omit_defaults=True):
    """The memories found, best first; `text` tells them line by line, if it was asked for.

    `considered` tells what was looked at, where the answer is to be explained and the provider can.
    """

    memories: list[MemoryRecord]
    count: int
    text: str | UnsetType = UNSET
    considered: Considered | None = None


class ListResponse(Struct, frozen=True, omit_defaults=True):
    """One page of memories; `next_cursor` is null on the last page.

    `total` counts the memories that meet the conditions, where the request asks for it.
    """

    memories: list[MemoryRecord]
    count: int
    next_cursor: str | None
    total: int | UnsetType = UNSET
