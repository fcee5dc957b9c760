"""The limits on the arguments of a replica, and the checks that every provider shares."""

from collections.abc import Sequence
from datetime import UTC, datetime
from math import isfinite

from msgspec.structs import replace

from providers import limits
from providers.errors import InvalidInput
from providers.histories import VersionPlace
from providers.introduction import StoreMark
from providers.labels import NAMES
from providers.owners import Owner
from providers.replica import MAX_OWNERS, MAX_SNAPSHOTS
from providers.sliding import check_sliding
from providers.states.unknown import NOTHING
from providers.types import MOMENTS, Snapshot

MAX_MARK_ID_CHARS = 64  # of an installation, and of a journal
MAX_MARK_NUMBER = 2**62 - 1  # also of an epoch; far beyond one a millisecond for all time, and within 64 signed bits

MAX_KEY_CHARS = limits.MAX_USER_ID_CHARS + limits.MAX_TENANT_CHARS + 2  # of the key of an owner

_DIGEST_BYTES = 16
_OF_THE_LIVING = "metadata", "source", "sliding_seconds", "touched_at"


def check_snapshot(snapshot: Snapshot) -> Snapshot:
    """Refuse an impossible state; return it in canonical form, in which a tombstone has no content."""
    limits.check_owner(snapshot.owner)
    limits.check_version(snapshot.version)
    limits.check_first_version(snapshot.first_version)
    limits.check_range("edits", len(snapshot.edits), 0, limits.MAX_EDITS)
    canonical = replace(
        snapshot,
        id=limits.check_memory_id(snapshot.id),
        edits=tuple(map(limits.check_edit_id, snapshot.edits)),
        **{name: _in_utc(name, getattr(snapshot, name)) for name in (*MOMENTS, "touched_at")},
    )
    if snapshot.content is None:
        nothing = dict.fromkeys({*NAMES, *_OF_THE_LIVING, *MOMENTS} - {"created_at"})
        return replace(canonical, digest=b"", first_version=0, unknown=NOTHING, **nothing)
    limits.check_content(snapshot.content)
    limits.check_metadata(snapshot.metadata)
    check_sliding(snapshot.sliding_seconds, snapshot.expires_at)
    limits.check_labels(snapshot)
    limits.check_source(snapshot.source)
    if snapshot.created_at is None:
        raise InvalidInput("created_at", "must be there, but on a tombstone")
    if len(snapshot.digest) != _DIGEST_BYTES:
        raise InvalidInput("digest", f"must be {_DIGEST_BYTES} bytes, but on a tombstone")
    return canonical


def check_version_of_memory(snapshot: Snapshot) -> Snapshot:
    """Refuse an impossible superseded version, which is no tombstone; return it in canonical form otherwise."""
    if snapshot.deleted:
        raise InvalidInput("content", "must be there: a tombstone is superseded by nothing")
    return check_snapshot(snapshot)


def check_snapshots(snapshots: Sequence[Snapshot]) -> None:
    """Refuse a batch of states that is empty or too large."""
    limits.check_batch("snapshots", snapshots, MAX_SNAPSHOTS)


def check_snapshots_page(owner: Owner, limit: int, after: str | None) -> str | None:
    """Refuse a page outside the bounds, or behind an invalid id; return that id in its canonical form."""
    limits.check_owner(owner)
    limits.check_range("limit", limit, 1, MAX_SNAPSHOTS)
    return None if after is None else limits.check_uuid("after", after)


def check_heads(owner: Owner, memory_ids: Sequence[str]) -> list[str]:
    """Refuse more ids than one call may have; return them in their canonical form, each once."""
    limits.check_owner(owner)
    limits.check_range("memory_ids", len(memory_ids), 0, MAX_SNAPSHOTS)
    return [*dict.fromkeys(map(limits.check_memory_id, memory_ids))]


def check_superseded_page(owner: Owner, limit: int, after: VersionPlace | None) -> VersionPlace | None:
    """Refuse a page outside the bounds, or behind an impossible place; return that place in its canonical form."""
    limits.check_owner(owner)
    limits.check_range("limit", limit, 1, MAX_SNAPSHOTS)
    if after is None:
        return None
    memory_id, version = after
    limits.check_range("after", version, 1, limits.MAX_VERSION)
    return limits.check_uuid("after", memory_id), version


def check_owners_page(limit: int, after: Owner | None) -> None:
    """Refuse a page outside the bounds, or behind an impossible owner."""
    limits.check_range("limit", limit, 1, MAX_OWNERS)
    if after is not None:
        limits.check_text("after", after.key, MAX_KEY_CHARS)


def check_mark(mark: StoreMark) -> StoreMark:
    """Refuse a mark that not every store can keep as it is; return it otherwise."""
    for field in ("installation", "journal"):
        limits.check_text(field, getattr(mark, field), MAX_MARK_ID_CHARS)
    for field in ("epoch", "number"):
        limits.check_range(field, getattr(mark, field), 0, MAX_MARK_NUMBER)
    if not isfinite(mark.at):
        raise InvalidInput("at", "must be a moment")
    return mark


def _in_utc(field: str, moment: datetime | None) -> datetime | None:
    limits.check_moment(field, moment)
    return None if moment is None else moment.astimezone(UTC)
