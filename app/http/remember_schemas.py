"""The schemas of requests that store one memory or a conversation, and what is answered."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from app.http.lifetimes import Lifetime
from app.http.moments import check_happened
from app.http.problems import Problem
from app.http.schemas import (
    Content,
    ExpiresAt,
    HappenedAt,
    Label,
    LabelledRequest,
    MetadataField,
    Sliding,
    TtlSeconds,
    UserId,
    WrittenOrigin,
)
from providers import limits
from providers.errors import InvalidInput
from providers.owners import Owner
from providers.source import DEFAULT_ORIGIN, CallerOrigin, WriteSource
from providers.types import NewMemory

UnlessSimilar = Annotated[
    float,
    Meta(gt=0, le=1, description="The cosine of the vectors from which on an existing memory is answered instead."),
]


MOST_MESSAGES = Meta(min_length=1, max_length=limits.MAX_BATCH)
_ORIGINS: dict[str, CallerOrigin] = {"assistant": "assistant", "tool": "tool"}  # by the roles of those who are no users


class RememberRequest(LabelledRequest, frozen=True, forbid_unknown_fields=True):
    """A memory to store; it happened now unless `created_at` tells when."""

    content: Content
    metadata: MetadataField | None = None
    created_at: HappenedAt | None = None
    expires_at: ExpiresAt | None = None
    ttl_seconds: TtlSeconds | None = None
    origin: WrittenOrigin = DEFAULT_ORIGIN
    sliding: Sliding = False

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
            sliding_seconds=lifetime.slides_by(self.ttl_seconds, sliding=self.sliding),
            source=WriteSource(origin=self.origin),
            # The `labels`, whose dictionary would take as long as the rest.
            session=self.session,
            agent=self.agent,
            app=self.app,
            speaker=self.speaker,
        )


class RememberUniqueRequest(RememberRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A memory to store, unless there is one like it, where `unless_similar` asks for that."""

    unless_similar: UnlessSimilar | UnsetType = UNSET


class Message(Struct, frozen=True, forbid_unknown_fields=True):
    """One message of a conversation; its speaker is the `name`, or else the `role`."""

    role: Label
    content: Content
    name: Label | None = None


class RememberOneRequest(LabelledRequest, frozen=True, forbid_unknown_fields=True):
    """A memory to store, or the messages of a conversation, each of which becomes a memory, in their order.

    With `unless_similar` the memory is not stored if the user has one that is so much like it, or says the same. The
    `origin` is `user` by default, and that of a message its role, if this is an origin.
    """

    content: Content | UnsetType = UNSET
    messages: Annotated[list[Message], MOST_MESSAGES] | UnsetType = UNSET
    metadata: MetadataField | None = None
    created_at: HappenedAt | None = None
    expires_at: ExpiresAt | None = None
    ttl_seconds: TtlSeconds | None = None
    sliding: Sliding = False
    unless_similar: UnlessSimilar | UnsetType = UNSET
    origin: WrittenOrigin | UnsetType = UNSET
    user_id: UserId | UnsetType = UNSET

    @property
    def one(self) -> RememberRequest:
        """The memory to store, where there are no messages; raise `InvalidInput` if there is no content either."""
        if self.content is UNSET:
            raise InvalidInput("content", "is required")
        return self._one(self.content, self.labels, DEFAULT_ORIGIN)

    def each(self, messages: Sequence[Message | Problem]) -> list[RememberRequest | Problem]:
        """Return what to store of the messages: a memory for each, and the problem in place of one that has one.

        Raises:
            InvalidInput: there is a content as well, or the messages' speaker, or what is for one memory alone.
        """
        if self.content is not UNSET:
            raise InvalidInput("messages", "must not be given together with content")
        if self.unless_similar is not UNSET:
            raise InvalidInput("unless_similar", "must not be given together with messages")
        if self.speaker is not None:
            raise InvalidInput("speaker", "must not be given together with messages, which name their speakers")
        return [message if isinstance(message, Problem) else self._of(message) for message in messages]

    def check_shared(self, owner: Owner, lifetime: Lifetime) -> None:
        """Refuse what would fail with each of the messages alike: it is a fault of the request, and not of theirs.

        Raises:
            InvalidInput: a moment, the expiry, the metadata or a label breaks a rule.
        """
        limits.check_new_memory(self._one("a message", self.labels, DEFAULT_ORIGIN).memory(owner, None, lifetime))

    def _of(self, message: Message) -> RememberRequest:
        speaker = {"speaker": message.name or message.role}
        return self._one(message.content, self.labels | speaker, origin_of(message.role))

    def _one(self, content: str, labels: dict[str, Any], origin: CallerOrigin) -> RememberRequest:
        told = origin if self.origin is UNSET else self.origin
        times = self.created_at, self.expires_at, self.ttl_seconds
        return RememberRequest(content, self.metadata, *times, told, self.sliding, **labels)


def origin_of(role: str) -> CallerOrigin:
    """Return what a message with this role comes from."""
    return _ORIGINS.get(role, DEFAULT_ORIGIN)


class RememberResponse(Struct, frozen=True, omit_defaults=True):
    """The memory is durable and will be found; `accepted` if the first provider has not confirmed it yet.

    `exists`: nothing was stored, because of the memory with this id, whose cosine is the `similarity_score`; the same
    text has 1.
    """

    memory_id: str
    status: Literal["stored", "accepted", "exists"]
    similarity_score: float | UnsetType = UNSET
