"""Touches of a memory: whoever is given one whose expiry slides gives it its time again, from that moment on.

A touch is a field of its own beside the version: of two the later one stays, whichever version wins, so that touches
commute with everything else. It changes neither version, nor history, nor what summaries are made of. The expiry of a
state counts its touch already, and so nobody who asks when a memory expires needs to know of any.
"""

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from providers.types import Snapshot

_LATEST = datetime.max.replace(tzinfo=UTC)


def touched(stored: Snapshot, moment: datetime) -> Snapshot:
    """Return a state after a touch; `stored` itself if it has a later one, or has no expiry that slides."""
    if stored.deleted or stored.sliding_seconds is None:
        return stored
    return with_touch(stored, moment.astimezone(UTC))


def with_touch(state: Snapshot, moment: datetime | None) -> Snapshot:
    """Return a living state that is touched at a moment at the earliest; `state` itself if it is.

    A touch is kept where no expiry slides as well, since another version may come that has one.
    """
    if moment is None or (state.touched_at is not None and state.touched_at >= moment):
        return state
    if state.expires_at is None or state.sliding_seconds is None:
        return replace(state, touched_at=moment)
    return replace(state, touched_at=moment, expires_at=max(state.expires_at, _later(moment, state.sliding_seconds)))


def later_touch(one: Snapshot, other: Snapshot) -> datetime | None:
    """Return the later touch of two states, None if neither has one."""
    if one.touched_at is None or other.touched_at is None:
        return one.touched_at or other.touched_at
    return max(one.touched_at, other.touched_at)


def _later(moment: datetime, seconds: int) -> datetime:
    try:
        return moment + timedelta(seconds=seconds)
    except OverflowError:
        return _LATEST
