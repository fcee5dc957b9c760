"""Which state of a memory stays of two: a join, so that every order of the same states comes to the same end."""

from msgspec.structs import replace

from providers.types import Snapshot


def merged(stored: Snapshot, new: Snapshot) -> Snapshot:
    """Give what is to be stored after both, in canonical form as they are; `stored` itself if `new` changes nothing.

    Of two versions the newer one stays, and a tombstone stays whatever the other one is. Of two tombstones the older
    one stays: the later deletion found nothing. It tells that there was a memory as soon as one of the two says so.
    Versions minted in two places at once may be equal; then edits and digest decide, which is everywhere alike.
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
