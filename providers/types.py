"""The plain frozen values that cross the provider boundary."""

from datetime import datetime
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from providers.expiry import has_expired
from providers.filters import Filter
from providers.labels import LabelChanges
from providers.owners import DEFAULT_TENANT, Owner
from providers.positions import Order, Place, Position
from providers.search.answer_options import PLAIN, AnswerOptions
from providers.search.explanations import HitExplanation
from providers.search.filter_match import matches
from providers.source import SourceConditions, Sourced, WriteSource, attributes_of

Metadata = dict[str, Any]
MOMENTS = ("created_at", "updated_at", "expires_at")  # of a memory


class MemoryRecord(Sourced, frozen=True, kw_only=True, omit_defaults=True):
    """One memory as a caller sees it.

    `similarity_score` lies in [0, 1] and is set by recall alone, as is `explanation`, where it is asked for;
    `embedding` is float32[dim], set where requested. `tenant` is that of the user, omitted if it is the default one.
    From `expires_at` on no reader sees it, omitted if it does not expire; whoever is given it before gives it
    `sliding_seconds` more from then on, if it has any. `first_version` is that of `Snapshot`; it
    orders lists, and no caller of the API sees it. `version` is that of the state, 0 where a store has none.
    `quarantine` is the id of the one that hides it, in the answers that show it all the same.
    """

    id: str
    user_id: str
    content: str
    metadata: Metadata | None
    created_at: datetime
    updated_at: datetime | None
    expires_at: datetime | None = None
    sliding_seconds: int | None = None
    similarity_score: float | None = None
    embedding: list[float] | None = None
    explanation: HitExplanation | None = None
    tenant: str = DEFAULT_TENANT
    first_version: int = 0
    version: int = 0
    quarantine: str | None = None

    @property
    def owner(self) -> Owner:
        """The owner of the memory."""
        return Owner(self.user_id, self.tenant)

    @property
    def place(self) -> Place:
        """What orders it in a list: its moment, then what was stored first, then its id."""
        return self.created_at, self.first_version, self.id

    @property
    def position(self) -> Position:
        """The position in its owner's list."""
        return Position(self.created_at, self.id, self.first_version)


class Dated(Sourced, frozen=True, kw_only=True):
    """When a memory that comes from elsewhere happened, was last changed, and expires, if ever; see `Snapshot`."""

    created_at: datetime | None = None
    updated_at: datetime | None = None
    expires_at: datetime | None = None
    sliding_seconds: int | None = None


class NewMemory(Dated, frozen=True, kw_only=True):
    """A memory to store.

    `memory_id` and `version` come from above, so that a retry is harmless; a provider mints what is missing.
    `first_version` is by default the version; `expires_at` and `unknown` are those of `Snapshot`.
    """

    owner: Owner
    content: str
    metadata: Metadata | None = None
    memory_id: str | None = None
    version: int | None = None
    first_version: int | None = None
    unknown: str = ""


class Conditions(SourceConditions, frozen=True, kw_only=True):
    """The conditions on the memories that an operation is about: those that meet all of them.

    `where` filters on metadata; `created_from` is inclusive, `created_before` exclusive; a label that is given is to be
    the same, and so is a key, which begins with a `key_prefix`. `without` are the ids of memories that do not count, up
    to `limits.MAX_WITHOUT`: callers have no use for it, but a chain knows of memories that a provider still holds. What
    has expired at the moment `now` does not count either; without one it is that of the first clock that the question
    comes by.
    """

    where: Filter | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None
    key_prefix: str | None = None
    without: frozenset[str] = frozenset()
    now: datetime | None = None

    @property
    def conditional(self) -> bool:
        """Whether there are memories that do not meet the conditions, beside those that have expired."""
        moments = (self.created_from, self.created_before)
        return bool(self.without) or self.of_contents or any(moment is not None for moment in moments)

    @property
    def of_contents(self) -> bool:
        """Whether there are conditions on metadata, labels, keys or sources."""
        given = self.given_labels or self.given_source or self.hidden
        return bool(given) or self.where is not None or self.key_prefix is not None

    def admits(self, record: MemoryRecord) -> bool:
        """Return whether a memory meets the conditions."""
        return (
            (self.created_from is None or record.created_at >= self.created_from)
            and (self.created_before is None or record.created_at < self.created_before)
            and all(getattr(record, name) == label for name, label in self.given_labels.items())
            and self.admits_source(record.source)
            and (self.key_prefix is None or (record.key is not None and record.key.startswith(self.key_prefix)))
            and (self.where is None or matches(self.where, record.metadata))
            and record.id not in self.without
            and (self.now is None or not has_expired(record, self.now))
        )


ALL = Conditions()


class RecallQuery(Conditions, frozen=True, kw_only=True):
    """A query, and the conditions on the memories that may answer it.

    Hits below `min_score` are omitted. `most_bytes` bounds the answer, without a bound if it is None; in a batch it
    bounds all answers together. `pending` are live states that a chain has accepted and the provider may not have yet,
    to be ranked with its own where it can; they replace its own where these are left `without`.
    """

    owner: Owner
    query: str
    limit: int = 10
    min_score: float = 0.0
    options: AnswerOptions = PLAIN
    pending: "tuple[Snapshot, ...]" = ()
    most_bytes: int | None = None


class Edit(LabelChanges, frozen=True, kw_only=True):
    """A change of a memory; omitted parts stay, and a label or an expiry that becomes None is removed.

    `edit_id` is a UUID whose first 96 bits name the edit, so that a retry cannot undo a later one; the last 32 are a
    digest of the change. If `seen` is given, the memory is changed only if it has that version. `source` is that of the
    memory afterwards; by itself it changes nothing, as do `sliding_seconds`, which come and go with an expiry.
    """

    owner: Owner
    memory_id: str
    content: str | UnsetType = UNSET
    metadata: Metadata | UnsetType | None = UNSET
    expires_at: datetime | UnsetType | None = UNSET
    sliding_seconds: int | None = None
    version: int | None = None
    edit_id: str | None = None
    seen: int | None = None
    source: WriteSource | None = None

    @property
    def empty(self) -> bool:
        """Whether the edit changes nothing."""
        return self.content is UNSET and self.metadata is UNSET and not self.further

    @property
    def further(self) -> dict[str, Any]:
        """What changes of labels and expiry, by the names of their fields."""
        if self.expires_at is UNSET:
            return self.labels
        return self.labels | {"expires_at": self.expires_at, "sliding_seconds": self.sliding_seconds}


class Deletion(Struct, frozen=True, kw_only=True):
    """A memory to delete for ever; a repeat of an `edit_id` gets the same answer.

    With `seen` it is deleted only in that version, with `expired_by` only if it had expired by that moment.
    """

    owner: Owner
    memory_id: str
    version: int | None = None
    edit_id: str | None = None
    seen: int | None = None
    expired_by: datetime | None = None


class PageQuery(Conditions, frozen=True, kw_only=True):
    """A page of an owner's list, of the memories that meet the conditions.

    `after` continues after a position, in the list of `provider` where one is named: the lists of two providers may
    differ by what has not reached one of them yet. `most_bytes` bounds the page, which then ends early, but never
    without any memory; without a bound if it is None. With `total` the answer tells how many meet the conditions. With
    `quarantined` it is also about what is in quarantine, and marks that.
    """

    owner: Owner
    limit: int = 100
    offset: int = 0
    order: Order = "newest"
    after: Position | None = None
    provider: str | None = None
    most_bytes: int | None = None
    total: bool = False
    quarantined: bool = False

    def shows(self, record: MemoryRecord) -> bool:
        """Return whether a memory meets the conditions and stands behind the position."""
        return self.admits(record) and (self.after is None or self.after.is_before(record, self.order))


def as_page(conditions: Conditions, owner: Owner) -> PageQuery:
    """Return the list of an owner's memories that meet conditions."""
    return PageQuery(owner=owner, **{name: getattr(conditions, name) for name in Conditions.__struct_fields__})


class Snapshot(Sourced, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One memory with all that a copy of it must hold; or a tombstone, which has no content.

    `user_id` is the key of its owner (see `Owner.key`), so that a program that knows of no tenants refuses the states
    of other tenants instead of taking them for those of the default one.

    `digest` is that of the content and metadata that were stored first (see `providers/states/digests.py`), so that a
    retry of that first write is recognised after an edit, too; a tombstone has none. `first_version` is the version of
    that first write, by which lists order what was created at one moment; 0 if it was made before that was stored, and
    in a tombstone. From `expires_at` on it is hidden from readers; a tombstone has none. With `sliding_seconds` that
    moment is at least so long after `touched_at`, the last one at which somebody is known to have been given it: that
    is no part of a version (see `providers/states/touching.py`). `edits` are the ids of the
    last edits, in a tombstone the id of the deletion, if it has one. A tombstone's `created_at` is None if the memory
    never existed. `unknown` is a JSON object with the fields that this program does not know (see
    `providers/states/unknown.py`), empty if there are none; a tombstone has none at a provider.
    """

    user_id: str
    id: str
    version: int
    content: str | None
    metadata: Metadata | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    expires_at: datetime | None = None
    sliding_seconds: int | None = None
    touched_at: datetime | None = None
    digest: bytes = b""
    edits: tuple[str, ...] = ()
    first_version: int = 0
    unknown: str = ""

    @property
    def owner(self) -> Owner:
        """The owner of the memory."""
        return Owner.of_key(self.user_id)

    @property
    def deleted(self) -> bool:
        """Whether this is a tombstone."""
        return self.content is None

    @property
    def edited(self) -> bool:
        """Whether the memory was changed after it was stored."""
        return self.updated_at is not None

    @property
    def record(self) -> MemoryRecord:
        """A live memory as a caller sees it."""
        owner = self.owner
        return MemoryRecord(
            id=self.id,
            user_id=owner.user,
            tenant=owner.tenant,
            content=self.content or "",
            metadata=self.metadata,
            created_at=_moment(self.created_at),
            updated_at=self.updated_at,
            expires_at=self.expires_at,
            sliding_seconds=self.sliding_seconds,
            first_version=self.first_version,
            version=self.version,
            **attributes_of(self),
        )


def _moment(moment: datetime | None) -> datetime:
    if moment is None:
        raise ValueError("a live memory has a moment of creation")
    return moment
