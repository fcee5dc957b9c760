"""Merge two states of a memory: commutative, associative and idempotent, so that any order ends in the same state."""

from msgspec.structs import replace

from providers.states.touching import later_touch, with_touch
from providers.types import Snapshot


def merged(stored: Snapshot, new: Snapshot) -> Snapshot:
    """Return the merge of two states, both in canonical form; `stored` itself if `new` changes nothing.

    Of two live states the one of higher rank stays, with the later touch of both, and a tombstone wins over both. Of
    two tombstones the older stays, because the later deletion found nothing. The merged tombstone has a moment of
    creation if one of the two has one. Versions minted in two places at once may be equal; then edits and digest
    decide, which is the same everywhere.
    """
    if stored.deleted or new.deleted:
        return winner(stored, new)
    return with_touch(winner(stored, new), later_touch(stored, new))


def winner(stored: Snapshot, new: Snapshot) -> Snapshot:
    """Return what `merged` returns, but for touches, which a store may count by itself."""
    if not stored.deleted and not new.deleted:
        return max(stored, new, key=_order)
    tombstone = min((state for state in (stored, new) if state.deleted), key=_order)
    other = new if tombstone is stored else stored
    if tombstone.created_at is None and other.created_at is not None:
        return replace(tombstone, created_at=other.created_at)
    return tombstone


def rank(state: Snapshot) -> tuple[bool, int]:
    """Return what decides between two states of a memory: an edited one is above every first write, then by version.

    A first write that is repeated gets a later version than the edits if a store was asked that lacked the memory, as
    one does that was just replaced. The repetition must not undo them.
    """
    return state.edited, state.version


def _order(state: Snapshot) -> tuple[tuple[bool, int], tuple[str, ...], bytes]:
    return rank(state), state.edits, state.digest
