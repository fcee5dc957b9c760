"""The lines of an export: JSON objects, of which `kind` says what each of them is.

The first line is a header, which names the version of the format. A version with the same number before the dot adds
fields and kinds; a line with one that a reader does not know is refused alone, so that nothing is lost in silence. One
with another number before the dot is refused as a whole. The last line is a trailer, whose counts show that nothing is
missing; an export without one was cut off, and goes on behind its last checkpoint.
"""

import re
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from app.http.history_schemas import VersionText
from app.http.problems import Problem
from providers.limits import MAX_FIRST_VERSION
from providers.owners import DEFAULT_TENANT
from providers.types import Dated, MemoryRecord, Metadata, Snapshot

FORMAT = "ninai-memories"
# 1.1 has added `expires_at` and `key`, 1.2 `source` and `quarantine`, 1.3 lines of superseded versions,
# 1.4 `sliding_seconds`.
MAJOR, MINOR = 1, 4
VERSION = f"{MAJOR}.{MINOR}"


Moment = Annotated[datetime, Meta(tz=True)]
Count = Annotated[int, Meta(ge=0)]

_VERSION = re.compile(r"([0-9]{1,4})\.[0-9]{1,4}")
_encoder = msgspec.json.Encoder()


class HeaderLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The first line: whose memories follow, since when, and behind which cursor if the export was resumed."""

    kind: Literal["header"]
    format: str
    version: str
    user_id: str | None = None
    tenant: str = DEFAULT_TENANT
    exported_at: Moment | None = None
    after: str | None = None


class _StateLine(Dated, frozen=True, kw_only=True):
    """A memory as it is or was; `first_version` orders those created at the same moment, 0 if nobody knows.

    `quarantine` names the one that it is in, so that no reader sees it.
    """

    kind: str
    id: str
    content: str
    metadata: Metadata | None = None
    created_at: Moment
    first_version: Annotated[int, Meta(ge=0, le=MAX_FIRST_VERSION)] = 0
    quarantine: str | None = None


class MemoryLine(_StateLine, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One memory as it is."""

    kind: Literal["memory"]


class VersionLine(_StateLine, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A superseded version of a memory, as readers saw it until the next one; `id` is that of the memory."""

    kind: Literal["version"]
    version: VersionText


class TombstoneLine(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A memory that was deleted; its text is gone, and nothing can be stored under its id."""

    kind: Literal["tombstone"]
    id: str
    created_at: Moment | None = None


class CheckpointLine(Struct, frozen=True, kw_only=True):
    """A place at which an export that was cut off goes on: all lines before it are complete."""

    kind: Literal["checkpoint"]
    after: str


class TrailerLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The last line: how many lines of each kind there were, and why memories may be missing."""

    kind: Literal["trailer"]
    memories: Count
    tombstones: Count
    versions: Count = 0
    degraded: list[str] = []


class FailureLine(Struct, frozen=True, kw_only=True):
    """The last line of an export that could not go on, and why; what was exported so far counts."""

    kind: Literal["failure"]
    problem: Problem


_OF_RECORD = [name for name in MemoryLine.__struct_fields__ if name in MemoryRecord.__struct_fields__]

Line = HeaderLine | MemoryLine | VersionLine | TombstoneLine | CheckpointLine | TrailerLine | FailureLine


def encode(line: Line) -> bytes:
    """Return a line with its end."""
    return _encoder.encode(line) + b"\n"


def memory_line(record: MemoryRecord) -> MemoryLine:
    """Return the line of a memory."""
    return MemoryLine(kind="memory", **{name: getattr(record, name) for name in _OF_RECORD})


def version_line(record: MemoryRecord) -> VersionLine:
    """Return the line of a superseded version."""
    fields = {name: getattr(record, name) for name in _OF_RECORD}
    return VersionLine(kind="version", version=str(record.version), **fields)


def tombstone_line(state: Snapshot) -> TombstoneLine:
    """Return the line of a deleted memory."""
    return TombstoneLine(kind="tombstone", id=state.id, created_at=state.created_at)


def is_readable(header: HeaderLine) -> bool:
    """Return whether this version of the service reads what follows a header."""
    version = _VERSION.fullmatch(header.version)
    return header.format == FORMAT and version is not None and int(version[1]) == MAJOR
