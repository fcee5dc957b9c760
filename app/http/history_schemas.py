"""The schemas of a memory's history."""

from typing import Annotated

from msgspec import Meta, Struct

from app.http.answers import shown
from providers.history import HistoryPage
from providers.types import MemoryRecord, Snapshot

MAX_VERSION_DIGITS = 19  # of 64 bits; a text, since JavaScript's numbers have 53
VERSION_PATTERN = r"^[0-9]{1,19}$"

VersionText = Annotated[
    str, Meta(pattern=VERSION_PATTERN, description="A version, which is the `ETag` of the memory without its quotes.")
]


class MemoryVersion(Struct, frozen=True, kw_only=True):
    """A memory as it was from its last change on, or from its creation, until the next version.

    `current` is true of the version that readers see.
    """

    version: VersionText
    current: bool
    memory: MemoryRecord


class HistoryResponse(Struct, frozen=True):
    """The versions of a memory that are kept, newest first; `next` goes on behind the last one, `null` at the end."""

    versions: list[MemoryVersion]
    next: VersionText | None


def history_response(page: HistoryPage) -> HistoryResponse:
    """Return a page as a client sees it."""
    versions = [memory_version(state, page.newest) for state in page.versions]
    return HistoryResponse(versions, versions[-1].version if page.more and versions else None)


def memory_version(state: Snapshot, newest: Snapshot) -> MemoryVersion:
    """Return a version as a client sees it."""
    return MemoryVersion(
        version=str(state.version), current=state.version == newest.version, memory=shown(state.record)
    )
