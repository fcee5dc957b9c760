"""Merge two states of a memory: commutative, associative and idempotent, so that any order ends in the same state."""

from msgspec.structs import replace

from providers.types import Snapshot


def merged(stored: Snapshot, new: Snapshot) -> Snapshot:
    """Return the merge of two states, both in canonical form; `stored` itself if `new` changes nothing.

    Of two versions the newer one stays, and a tombstone wins over every version. Of two tombstones the older one stays,
    because the later deletion found nothing. The merged tombstone has a moment of creation if one of the two has.
    Versions minted in two places at once may be equal; then edits and digest decide, which is the same everywhere.
    """
    if not stored.deleted and not new.deleted:
        return max(stored, new, key=_order)
    tombstone = min((state for state in (stored, new) if state.deleted), key=_order)
    other = new if tombstone is stored else stored
    if tombstone.created_at is None and other.created_at is not None:
        return replace(tombstone, created_at=other.created_at)
    return tombstone


def _order(state: Snapshot) -> tuple[int, tuple[str, ...], bytes]:
    return state.version, state.edits, state.digest
