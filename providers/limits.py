"""The limits on what may be stored and queried, and the checks that every provider shares."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from providers.errors import InvalidInput
from providers.filter_limits import check_filter
from providers.json_limits import MAX_METADATA_BYTES, check_json, check_storable
from providers.labels import LABELS, MAX_KEY_CHARS, MAX_LABEL_CHARS, Labels
from providers.owners import DEFAULT_TENANT, Owner
from providers.sliding import check_sliding
from providers.source import ASKED, MAX_CALLER_CHARS, WriteSource
from providers.types import ALL, MOMENTS, Conditions, Deletion, Edit, Metadata, NewMemory, PageQuery, RecallQuery

MAX_CONTENT_CHARS = 32_000
MAX_QUERY_CHARS = 32_000
MAX_USER_ID_CHARS = 256
MAX_TENANT_CHARS = 64
MAX_RECALL_LIMIT = 1_000
MAX_WITHOUT = 10_000  # memories that one recall passes over: some hundred kB in a statement, and a few milliseconds
MAX_LIST_LIMIT = 100  # of a list without conditions, as the specification has it
MAX_PAGE_LIMIT = 1_000
MAX_LIST_OFFSET = 100_000
MAX_BATCH = 1_000
MAX_EDITS = 16  # edits remembered of one memory, so that a late retry of one of them is recognised
MAX_VERSION = 2**62 - 1  # the year 4199; leaves room in 64 signed bits for versions minted after it
MAX_FIRST_VERSION = 2**63 - 1  # 64 signed bits
DEFAULT_RECALL_LIMIT, DEFAULT_LIST_LIMIT = 10, 100

_Change = TypeVar("_Change", Edit, Deletion)

# Narrow on purpose: tenants stand in lists and in keys, and nobody types them but operators.
_TENANT = re.compile(f"[A-Za-z0-9][A-Za-z0-9._-]{{0,{MAX_TENANT_CHARS - 1}}}", re.ASCII)

_UUID_CHARS = 36
_CANONICAL_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TOO_LONG_TO_QUOTE = 10**20  # errors are to be read, and Python itself refuses to write thousands of digits


@lru_cache(maxsize=256)  # all memories of a batch have the same; one that is refused is not kept
def check_user_id(user_id: str) -> None:
    """Refuse a user id that is blank, too long, holds control characters, or is the wildcard of other stores."""
    if not user_id.strip():
        raise InvalidInput("user_id", "must not be empty")
    if len(user_id) > MAX_USER_ID_CHARS:
        raise InvalidInput("user_id", f"must be at most {MAX_USER_ID_CHARS} characters, got {len(user_id)}")
    if user_id == "*":
        raise InvalidInput("user_id", "must not be '*'")
    # Printable text holds none of them; nearly every user id is printable, and checking each character takes longer.
    if not user_id.isprintable() and any(unicodedata.category(char) in {"Cc", "Cs"} for char in user_id):
        raise InvalidInput("user_id", "must not contain control characters")


def check_tenant(tenant: str) -> None:
    """Refuse a tenant but for up to 64 letters and digits of ASCII, dots, hyphens and underscores."""
    if _TENANT.fullmatch(tenant) is None:
        reason = f"must be 1 to {MAX_TENANT_CHARS} of A-Z, a-z, 0-9, '.', '_', '-', and begin with a letter or digit"
        raise InvalidInput("tenant", reason)


def check_memory_id(memory_id: str) -> str:
    """Return the id in its canonical form: a UUID, 36 characters, lower case."""
    return check_uuid("memory_id", memory_id)


def check_edit_id(edit_id: str) -> str:
    """Return the id of an edit in its canonical form, which is that of a memory id."""
    return check_uuid("edit_id", edit_id)


def check_version(version: int | None) -> None:
    """Refuse a version that none of our clocks has minted or could mint past."""
    if version is not None:
        check_range("version", version, 0, MAX_VERSION)


def check_first_version(version: int | None, field: str = "first_version") -> None:
    """Refuse one that no store can hold; 0 is an unknown one, and clocks that met `MAX_VERSION` mint greater ones."""
    if version is not None:
        check_range(field, version, 0, MAX_FIRST_VERSION)


def check_labels(labelled: Labels) -> None:
    """Refuse labels, or a key, that are blank, too long, or that no store can hold."""
    for name in LABELS:
        if (label := getattr(labelled, name)) is not None:
            check_label(name, label)
    check_key(labelled.key)


def check_label(name: str, label: str | None) -> None:
    """Refuse a label that is blank, too long, or that no store can hold."""
    if label is not None:
        check_text(name, label, MAX_LABEL_CHARS)


def check_source(source: WriteSource | None) -> None:
    """Refuse a source with parts that are blank, too long, or that no store can hold."""
    if source is not None:
        check_caller("source.origin", source.origin)
        check_caller("source.caller", source.caller)
        check_caller("source.key", source.key)
        check_moment("source.at", source.at)


@lru_cache(maxsize=256)  # all memories of a batch come from the same; one that is refused is not kept
def check_caller(field: str, name: str | None) -> None:
    """Refuse a part of a source that is blank, too long, or that no store can hold."""
    if name is not None:
        check_text(field, name, MAX_CALLER_CHARS)


def check_key(key: str | None, field: str = "key") -> None:
    """Refuse a key that is blank, too long, or that no store can hold."""
    if key is not None:
        check_text(field, key, MAX_KEY_CHARS)


def check_key_prefix(prefix: str | None, field: str = "key_prefix") -> None:
    """Refuse a beginning of keys that no key can have; an empty one is that of every key."""
    if prefix:
        if len(prefix) > MAX_KEY_CHARS:
            raise InvalidInput(field, f"must be at most {MAX_KEY_CHARS} characters, got {len(prefix)}")
        check_storable(field, prefix)


def check_text(field: str, text: str, max_chars: int) -> None:
    """Refuse text that is blank, too long, or that no store can hold (NUL, lone surrogates)."""
    if not text.strip():
        raise InvalidInput(field, "must not be blank")
    if len(text) > max_chars:
        raise InvalidInput(field, f"must be at most {max_chars} characters, got {len(text)}")
    check_storable(field, text)


def check_content(content: str) -> None:
    """Refuse content that cannot be a memory."""
    check_text("content", content, MAX_CONTENT_CHARS)


def check_metadata(metadata: Metadata | None) -> None:
    """Refuse metadata that is too large, too deep, or that does not survive JSON."""
    if metadata is None:
        return
    check_json("metadata", metadata)
    size = len(msgspec.json.encode(metadata))
    if size > MAX_METADATA_BYTES:
        raise InvalidInput("metadata", f"must be at most {MAX_METADATA_BYTES} bytes of JSON, got {size}")


def check_owner(owner: Owner) -> None:
    """Refuse an owner who cannot have memories."""
    check_user_id(owner.user)
    if owner.tenant != DEFAULT_TENANT:
        check_tenant(owner.tenant)


def check_new_memory(memory: NewMemory) -> NewMemory:
    """Refuse a memory that cannot be stored as it is; return it with its id in canonical form."""
    check_owner(memory.owner)
    check_content(memory.content)
    check_metadata(memory.metadata)
    check_version(memory.version)
    check_first_version(memory.first_version)
    for name in MOMENTS:
        if (moment := getattr(memory, name)) is not None:
            check_moment(name, moment)
    check_sliding(memory.sliding_seconds, memory.expires_at)
    check_labels(memory)
    check_source(memory.source)
    memory_id = None if memory.memory_id is None else check_memory_id(memory.memory_id)
    return memory if memory_id == memory.memory_id else replace(memory, memory_id=memory_id)


def check_edit(edit: Edit) -> Edit:
    """Refuse an edit with invalid ids or values; return it with its ids in canonical form."""
    if edit.content is not UNSET:
        check_content(edit.content)
    if edit.metadata is not UNSET:
        check_metadata(edit.metadata)
    for name, label in edit.labels.items():
        check_key(label) if name == "key" else check_label(name, label)
    if edit.expires_at is not UNSET:
        check_moment("expires_at", edit.expires_at)
    check_sliding(edit.sliding_seconds, edit.expires_at)
    check_source(edit.source)
    return _check_named(edit)


def check_deletion(deletion: Deletion) -> Deletion:
    """Refuse a deletion with invalid ids; return it with its ids in canonical form."""
    check_version(deletion.seen)
    check_moment("expired_by", deletion.expired_by)
    return _check_named(deletion)


def check_recall(query: RecallQuery) -> None:
    """Refuse an invalid query."""
    check_owner(query.owner)
    check_text("query", query.query, MAX_QUERY_CHARS)
    check_range("limit", query.limit, 1, MAX_RECALL_LIMIT)
    if not 0.0 <= query.min_score <= 1.0:
        raise InvalidInput("min_score", "must be between 0 and 1")
    if not 0.0 <= query.options.diversity <= 1.0:
        raise InvalidInput("diversity", "must be between 0 and 1")
    check_conditions(query)


def check_conditions(conditions: Conditions) -> None:
    """Refuse invalid conditions on memories."""
    if len(conditions.without) > MAX_WITHOUT:
        raise InvalidInput("without", f"must hold at most {MAX_WITHOUT} ids, got {len(conditions.without)}")
    check_moment("created_from", conditions.created_from)
    check_moment("created_before", conditions.created_before)
    check_moment("now", conditions.now)
    check_labels(conditions)
    for name in ASKED:
        check_caller(name, getattr(conditions, name))
    check_key_prefix(conditions.key_prefix)
    if conditions.where is not None:
        check_filter(conditions.where)


def check_page(query: PageQuery) -> None:
    """Refuse a page outside the list's bounds, or behind an impossible position."""
    check_owner(query.owner)
    check_range("limit", query.limit, 1, MAX_PAGE_LIMIT)
    check_range("offset", query.offset, 0, MAX_LIST_OFFSET)
    check_conditions(query)
    if query.after is not None:
        check_moment("after", query.after.created_at)
        check_uuid("after", query.after.memory_id)
        check_first_version(query.after.first_version, "after")
        if query.order == "oldest" and query.after.first_version is None:
            raise InvalidInput("after", "must have a first version in a list that begins with the oldest")


def check_erase_all(owner: Owner, limit: int, conditions: Conditions = ALL) -> None:
    """Refuse invalid arguments of `erase_all`."""
    check_owner(owner)
    check_range("limit", limit, 1, MAX_BATCH)
    check_conditions(conditions)


def check_batch(field: str, items: Sequence[Any], most: int = MAX_BATCH) -> None:
    """Refuse a batch that is empty or too large."""
    if not 1 <= len(items) <= most:
        raise InvalidInput(field, f"must hold between 1 and {most} items, got {len(items)}")


def check_uuid(field: str, text: str) -> str:
    """Return a UUID in its canonical form."""
    if _CANONICAL_UUID.fullmatch(text):
        return text
    try:
        canonical = str(UUID(text))
    except ValueError:
        canonical = ""
    # UUID() also takes braces, a urn: prefix and no dashes at all; an id has one written form.
    if len(text) != _UUID_CHARS or canonical != text.lower():
        raise InvalidInput(field, "must be a UUID")
    return canonical


def check_moment(field: str, moment: datetime | None) -> None:
    """Refuse a moment without a time zone, or one that no store can hold."""
    if moment is None or moment.tzinfo is UTC:
        return
    if moment.utcoffset() is None:
        raise InvalidInput(field, "must carry a time zone")
    try:
        moment.astimezone(UTC)
    except OverflowError:
        raise InvalidInput(field, "must lie within the years 1 to 9999 in UTC") from None


def check_range(field: str, number: int, low: int, high: int) -> None:
    """Refuse a number outside [low, high]."""
    if not low <= number <= high:
        got = f", got {number}" if abs(number) < _TOO_LONG_TO_QUOTE else ""
        raise InvalidInput(field, f"must be between {low} and {high}{got}")


def _check_named(change: _Change) -> _Change:
    check_owner(change.owner)
    memory_id = check_memory_id(change.memory_id)
    check_version(change.version)
    check_version(change.seen)
    edit_id = None if change.edit_id is None else check_edit_id(change.edit_id)
    canonical = (memory_id, edit_id) == (change.memory_id, change.edit_id)  # as those of our own clients are
    return change if canonical else replace(change, memory_id=memory_id, edit_id=edit_id)
