"""The conversion of a stranger's ids, memories and errors to ours."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import msgspec
from msgspec.structs import asdict, replace

from providers import limits
from providers.errors import InvalidInput, ProviderError, Unavailable
from providers.labels import NAMES
from providers.owners import Owner
from providers.types import MemoryRecord

# The namespace of the ids that stand for those which are no UUIDs; changing it would rename every memory.
_IDS = UUID("5f7a3c52-9d0e-5d0b-a2f4-64f7f0c1c7de")

# What SPEC-020 knows of a memory: anything else that a stranger's memory may have is not ours to interpret.
_NOT_THEIRS = {*NAMES, "source", "quarantine", "first_version", "version", "expires_at", "sliding_seconds"}
_FIELDS = [name for name in MemoryRecord.__struct_fields__ if name not in _NOT_THEIRS]


def id_of(original: object) -> str:
    """Return a canonical UUID as it is, and for any other id the UUID that stands for it."""
    text = str(original)
    try:
        return limits.check_memory_id(text) if text == text.lower() else str(uuid5(_IDS, text))
    except InvalidInput:
        return str(uuid5(_IDS, text))


def record_of(owner: Owner, item: object) -> MemoryRecord:
    """Convert a stranger's memory; one that names no user is its owner's. Its user is the key of an owner of ours.

    Raises:
        Unavailable: it is no memory.
    """
    given = {name: field_of(item, name) for name in _FIELDS}
    try:
        user = given["user_id"]
        of = Owner.of_key(msgspec.convert(user, str)) if user else owner
        own = {"id": id_of(given["id"]), "user_id": of.user, "tenant": of.tenant, "embedding": None}
        record = msgspec.convert(given | own, MemoryRecord)
        moments = {name: _utc(value) for name, value in asdict(record).items() if isinstance(value, datetime)}
    except (msgspec.ValidationError, OverflowError) as error:
        raise Unavailable("the wrapped provider returns something else than memories") from error
    score = record.similarity_score
    return replace(record, similarity_score=None if score is None or not 0 <= score <= 1 else score, **moments)


def field_of(item: object, name: str) -> Any:  # noqa: ANN401 - a stranger's value
    """Return a field of a stranger's dict or object, None if it is missing."""
    return item.get(name) if isinstance(item, Mapping) else getattr(item, name, None)


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


@contextmanager
def translated(*, writes: bool) -> Iterator[None]:
    """Translate a stranger's errors, which may be of any class; their words may quote memories and go nowhere.

    Raises:
        Unavailable: the wrapped provider raised one.
    """
    try:
        yield
    except ProviderError:
        raise
    except Exception as error:  # The specification names no errors, and its own providers raise bare `Exception`s.
        # None of them may pass as an answer. Cancellation is no `Exception`, and goes on.
        raise Unavailable(f"the wrapped provider fails ({type(error).__name__})", ambiguous=writes) from error
