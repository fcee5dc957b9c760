"""The superseded versions of all memories of an owner, as exports read them page by page and imports add them."""

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from providers.answers import Answer
from providers.errors import Conflict, MemoryDeleted, MemoryNotFound, Rejected
from providers.owners import Owner
from providers.retention import UNDATED_VERSION
from providers.types import ALL, Conditions, MemoryRecord, Snapshot

MAX_HISTORIES_PAGE = 200  # versions; a page of the longest ones takes as much memory as one of memories

VersionPlace = tuple[str, int]  # a memory and a version of it


class HistoriesQuery(Struct, frozen=True, kw_only=True):
    """Ask for an owner's superseded versions by id and version, those behind a place.

    They are those of memories that are there and meet the conditions as they are now.
    """

    owner: Owner
    conditions: Conditions = ALL
    after: VersionPlace | None = None
    limit: int = MAX_HISTORIES_PAGE


class HistoriesPage(Answer, frozen=True, kw_only=True):
    """Superseded versions; `behind` is the place behind which the next page begins, None if this is the last one.

    A page may have none at all: versions of memories that do not meet the conditions stand between them.
    """

    versions: list[MemoryRecord]
    behind: VersionPlace | None = None


def histories_page(
    query: HistoriesQuery, versions: Sequence[Snapshot], newest: Mapping[str, Snapshot]
) -> HistoriesPage:
    """Return the page of versions that a store holds, given the newest states of their memories."""
    behind = (versions[-1].id, versions[-1].version) if len(versions) == query.limit else None
    shown = [version.record for version in versions if _is_shown(query, version, newest.get(version.id))]
    return HistoriesPage(versions=shown, behind=behind)


def refusal_of(version: Snapshot, newest: Snapshot | None) -> Rejected | None:
    """Return why a version can be no part of the history of a memory, given the newest state of that, None if it can.

    Without its memory nobody would see it, nor delete it. The version of a memory that was stored while nobody could
    look says nothing of its time.
    """
    if newest is None:
        return MemoryNotFound(version.id)
    if newest.deleted:
        return MemoryDeleted(version.id)
    newer = version.version > newest.version > UNDATED_VERSION
    return Conflict(version.id) if newer else None


def belonging(version: Snapshot, newest: Snapshot) -> Snapshot:
    """Return a version that comes from elsewhere as one of the memory that has this newest state.

    A digest is that of the first write, which nobody told with the version; by its own it is of another.
    """
    return replace(version, digest=newest.digest) if newest.digest else version


def _is_shown(query: HistoriesQuery, version: Snapshot, newest: Snapshot | None) -> bool:
    return (
        newest is not None
        and not newest.deleted
        and version.version < newest.version
        and query.conditions.admits(newest.record)
    )
