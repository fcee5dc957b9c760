"""The schemas of keys: what is put under one, renamed, and listed."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from app.http.lifetimes import Lifetime
from app.http.schemas import (
    Content,
    ExpiresAt,
    LabelledRequest,
    MetadataField,
    Sliding,
    TtlSeconds,
    UserId,
    WrittenOrigin,
)
from providers.keys.listing import MAX_DEPTH
from providers.labels import MAX_KEY_CHARS
from providers.owners import Owner
from providers.source import DEFAULT_ORIGIN, WriteSource
from providers.types import NewMemory

Key = Annotated[str, Meta(min_length=1, max_length=MAX_KEY_CHARS)]
Prefix = Annotated[str, Meta(max_length=MAX_KEY_CHARS)]
Depth = Annotated[int, Meta(ge=1, le=MAX_DEPTH)]


class KeptRequest(LabelledRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a key is to name: a memory, of which all parts are replaced."""

    content: Content
    metadata: MetadataField | None = None
    expires_at: ExpiresAt | None = None
    ttl_seconds: TtlSeconds | None = None
    sliding: Sliding = False
    origin: WrittenOrigin = DEFAULT_ORIGIN
    user_id: UserId | UnsetType = UNSET

    def memory_under(self, key: str, owner: Owner, memory_id: str | None, lifetime: Lifetime) -> NewMemory:
        """Return the memory to store under a key; the id is that of a new one.

        Raises:
            InvalidInput: its expiry is not that of a memory written now.
        """
        return NewMemory(
            owner=owner,
            content=self.content,
            metadata=self.metadata,
            memory_id=memory_id,
            key=key,
            expires_at=lifetime.of_new(self.expires_at, self.ttl_seconds),
            sliding_seconds=lifetime.slides_by(self.ttl_seconds, sliding=self.sliding),
            source=WriteSource(origin=self.origin),
            **self.labels,
        )


class PutKeyRequest(KeptRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key, and the memory that it is to name, of which all parts are replaced."""

    key: Key


class KeyRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A key."""

    key: Key
    user_id: UserId | UnsetType = UNSET


class RenameRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A key and its new name; with `prefix` all keys that begin with the one begin with the other then."""

    from_key: Key
    to_key: Key
    prefix: bool = False
    user_id: UserId | UnsetType = UNSET


class ListKeysRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The beginning of the keys to list, and how many parts behind it are told apart, all if `depth` is left out."""

    prefix: Prefix = ""
    depth: Depth | None = None
    user_id: UserId | UnsetType = UNSET


class PutKeyResponse(Struct, frozen=True):
    """The key names this memory from now on; `accepted` if the first provider has not confirmed it yet."""

    key: str
    memory_id: str
    created: bool
    status: Literal["stored", "accepted"] = "stored"


class RenameResponse(Struct, frozen=True):
    """So many memories have new keys; `accepted` if the first provider has not confirmed all of them yet."""

    renamed: int
    status: Literal["renamed", "accepted"] = "renamed"


class ListedKey(Struct, frozen=True):
    """A key, the memory that it names, and the bytes of its content in UTF-8."""

    key: str
    memory_id: str
    size: int


class KeyFolder(Struct, frozen=True):
    """The beginning of so many keys that have more parts than are listed, and the bytes of all their contents."""

    prefix: str
    count: int
    size: int


class ListKeysResponse(Struct, frozen=True):
    """The keys in the order of their code points, and the folders of those with more parts than `depth`."""

    keys: list[ListedKey]
    folders: list[KeyFolder]
    count: int
