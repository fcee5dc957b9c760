"""The keyword arguments of the operations; their meaning is that of the service's own document."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, Required, TypedDict

Condition = dict[str, Any]
CallerOrigin = Literal["user", "assistant", "tool", "document"]
Origin = Literal[CallerOrigin, "import"]


class CallOptions(TypedDict, total=False):
    """What every call takes: the user, if not that of the client, and the seconds within which it is answered."""

    user: str | None
    timeout: float | None


class ReadOptions(CallOptions, total=False):
    """What reads take: `memory_session` is the position of a write that the answer must have."""

    memory_session: str | None


class WriteOptions(CallOptions, total=False):
    """What writes take: a key of the caller's own, or one is made; the seconds to wait for a confirmation."""

    idempotency_key: str | None
    wait: int | None


class ConditionalOptions(WriteOptions, total=False):
    """What writes of one memory take: with `if_match`, an ETag or `*`, they are refused if it has another version."""

    if_match: str | None


class FeedOptions(CallOptions, total=False):
    """What the feed takes: where it goes on, changes in one answer, and seconds to wait for the first, up to 25."""

    after: str | None
    limit: int | None
    wait_seconds: int | None


class Labels(TypedDict, total=False):
    """The labels of a memory, or those that it must have."""

    session: str | None
    agent: str | None
    app: str | None
    speaker: str | None


class Conditions(Labels, total=False):
    """The conditions for memories; `created_from` is inclusive, `created_before` exclusive.

    `origin` is what the text comes from, `source_caller` has written it, with the key `source_key`.
    """

    where: Condition | None
    created_from: datetime | None
    created_before: datetime | None
    origin: Origin | None
    source_caller: str | None
    source_key: str | None


class Kept(Labels, total=False):
    """What a memory under a key has beside its content; it lives until a moment, for so many seconds, or for ever.

    With `sliding` a recall or a get gives it the seconds again. `origin` says what the text comes from; the service
    takes it for the user's own words otherwise.
    """

    metadata: dict[str, Any] | None
    expires_at: datetime | None
    ttl_seconds: int | None
    sliding: bool
    origin: CallerOrigin | None


class Details(Kept, total=False):
    """What a new memory has beside its content."""

    created_at: datetime | None


class NewMemory(Details, total=False):
    """One memory of a batch; one with a `key` is put under it, and replaces what is there."""

    content: Required[str]
    key: str | None


class ChatMessage(TypedDict, total=False):
    """One message of a conversation; its speaker is the `name`, or else the `role`."""

    role: Required[str]
    content: Required[str]
    name: str


class Changes(Labels, total=False):
    """The changes to a memory; what is left out stays, None removes the metadata, the expiry or a label."""

    content: str
    metadata: dict[str, Any] | None
    expires_at: datetime | None
    ttl_seconds: int
    sliding: bool
    origin: CallerOrigin


class Change(Changes, total=False):
    """The changes to one memory of a batch."""

    memory_id: Required[str]


class Wanted(Conditions, total=False):
    """What a query takes beside its text.

    `owners` are the users, teams and agents whose memories are meant, up to 8, in place of the user; each answer has
    the `user_id` of its own. `prefer="recent"` brings forward what is recent, `diversity` keeps answers from repeating
    each other, `explain` adds why each has its place.
    """

    limit: int | None
    min_score: float | None
    max_characters: int | None
    format: Literal["memories", "text"] | None
    owners: Sequence[str] | None
    prefer: Literal["recent"] | None
    half_life_days: float | None
    diversity: float | None
    explain: bool | None


class Question(Wanted, total=False):
    """One query of a batch."""

    query: Required[str]


class Listing(Conditions, total=False):
    """What a list takes; `limit` is the size of a page."""

    order: Literal["newest", "oldest"] | None
    limit: int | None
    offset: int | None
    cursor: str | None
    total: bool | None


class RememberOptions(Details, WriteOptions, total=False):
    """The keyword arguments of `remember`; nothing is stored if there is one so much like it (`unless_similar`)."""

    unless_similar: float | None


class MessagesOptions(Details, WriteOptions, total=False):
    """The keyword arguments of `remember_messages`."""


class PutOptions(Kept, ConditionalOptions, total=False):
    """The keyword arguments of `put_by_key`."""


class UpdateOptions(Changes, ConditionalOptions, total=False):
    """The keyword arguments of `update`."""


class RecallOptions(Wanted, ReadOptions, total=False):
    """The keyword arguments of `recall`."""


class ListOptions(Listing, ReadOptions, total=False):
    """The keyword arguments of `list_memories` and `query_memories`."""


class ExportOptions(Conditions, ReadOptions, total=False):
    """The keyword arguments of `export`; `after` is where one that was cut off goes on."""

    after: str | None


class MatchOptions(Conditions, WriteOptions, total=False):
    """The keyword arguments of `delete_matching` and `count_matching`."""
