"""The conversion of a memory of ours to one of mem0's, and back.

Everything but the content stands as one JSON text under one key of mem0's metadata: mem0 gives many other keys a
meaning of its own, and its vector stores keep numbers and nested objects each in their way, but a text comes back as it
was.
"""

import json
import re
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta, Raw

from providers.errors import InvalidInput
from providers.limits import MAX_VERSION, check_content, check_metadata
from providers.mem0.item import Item
from providers.mem0.names import owner_of
from providers.source import Sourced
from providers.states.clock import COUNTER_BITS
from providers.states.digests import digest_of
from providers.states.unknown import NOTHING, joined, split
from providers.types import Metadata, Snapshot

KEY = "ninai"

# What mem0 lets embed may have 8,192 tokens with the usual models, and a token is at least a byte. mem0 fails on more.
MAX_TEXT_BYTES = 8_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UUID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_NO_METADATA = Raw(b"null")


class Malformed(ValueError):
    """What mem0 holds is none of our memories, and cannot be taken for one."""


_Moment = Annotated[datetime, Meta(tz=True)]


class _Envelope(Sourced, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The state of a memory as it is written; what a text of mem0's says already is left out."""

    id: str
    version: int
    deleted: bool = False
    metadata: Raw = _NO_METADATA  # of the standard library's JSON, which keeps integers of any length
    created_at: _Moment | None = None
    updated_at: _Moment | None = None
    expires_at: _Moment | None = None
    sliding_seconds: int | None = None
    touched_at: _Moment | None = None
    digest: bytes = b""
    edits: tuple[str, ...] = ()
    first_version: int = 0
    content: str | None = None  # of a memory too long to be embedded whole


_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_ENVELOPES = msgspec.json.Decoder(_Envelope)
_NAMES = frozenset(_Envelope.__struct_fields__)
# What stands in an envelope as it stands in a state.
_VERBATIM = [name for name in _Envelope.__struct_fields__ if name not in {"deleted", "metadata", "content"}]


def text_of(state: Snapshot) -> str:
    """Return what mem0 is to embed; it wants something of a tombstone, too."""
    return f"deleted {state.id}" if state.content is None else embeddable(state.content)


def embeddable(text: str) -> str:
    """Cut a text to what every embedding model takes."""
    return text.encode()[:MAX_TEXT_BYTES].decode(errors="ignore")


def metadata_of(state: Snapshot) -> dict[str, Any]:
    """Return the metadata that makes a memory of mem0 one of ours."""
    envelope = _Envelope(
        **{name: getattr(state, name) for name in _VERBATIM},
        deleted=state.deleted,
        metadata=_NO_METADATA if state.metadata is None else Raw(_JSON.encode(state.metadata).encode()),
        content=None if state.content in {None, text_of(state)} else state.content,
    )
    return {KEY: joined(msgspec.json.encode(envelope).decode(), state.unknown)}


def mark_of(key: str) -> dict[str, Any]:
    """Return the metadata of what is no memory, but found under a key like one."""
    return {KEY: json.dumps({"id": key})}


def key_of(item: Item) -> str | None:
    """Return the id under which this was written by us; None if it was not."""
    text = (item.metadata or {}).get(KEY)
    try:
        return None if text is None else str(json.loads(text)["id"])
    except (TypeError, ValueError, KeyError, RecursionError):
        return None


def state_of(item: Item) -> Snapshot:
    """Return the state in an item; one that others put into mem0 has mem0's id. Raise `Malformed` if it is neither."""
    text = (item.metadata or {}).get(KEY)
    return _foreign(item) if text is None else _own(item, text)


def _own(item: Item, text: object) -> Snapshot:
    try:
        envelope, unknown = _opened(text if isinstance(text, str) else "null")
        read = None if envelope.metadata is _NO_METADATA else json.loads(bytes(envelope.metadata))
        metadata = msgspec.convert(read, Metadata | None)
    except (ValueError, RecursionError) as error:  # of json and of msgspec
        raise Malformed(f"the metadata under {KEY!r} is not what was written") from error
    if _UUID.fullmatch(envelope.id) is None or not (envelope.deleted or envelope.created_at is not None):
        raise Malformed(f"the metadata under {KEY!r} lacks what was written")
    content = item.text if envelope.content is None else envelope.content
    return Snapshot(
        **{name: getattr(envelope, name) for name in _VERBATIM},
        user_id=owner_of(item.user).key,
        content=None if envelope.deleted else content,
        metadata=metadata,
        unknown=unknown,
    )


def _opened(text: str) -> tuple[_Envelope, str]:
    """Return an envelope, and the fields that this program does not know."""
    try:
        return _ENVELOPES.decode(text), NOTHING
    except msgspec.ValidationError:
        known, unknown = split(text, _NAMES)
        return _ENVELOPES.decode(known), unknown


def _foreign(item: Item) -> Snapshot:
    created_at, updated_at = _utc(item.created_at) or _EPOCH, _utc(item.updated_at)
    try:
        memory_id = str(UUID(item.id))
    except ValueError as error:
        raise Malformed("mem0's id is no UUID") from error
    metadata = item.metadata or None
    try:
        check_content(item.text)
        check_metadata(metadata)
    except InvalidInput as error:
        raise Malformed("no store could take it as a memory") from error
    return Snapshot(
        user_id=owner_of(item.user).key,
        id=memory_id,
        version=min(max(0, int((updated_at or created_at).timestamp() * 1000)) << COUNTER_BITS, MAX_VERSION),
        content=item.text,
        metadata=metadata,
        created_at=created_at,
        updated_at=None if updated_at == created_at else updated_at,
        digest=digest_of(item.text, metadata),
    )


def _utc(moment: datetime | None) -> datetime | None:
    """Return a moment in UTC; None if it has none there, as the first and the last hours of time in other zones."""
    if moment is None:
        return None
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        return None
