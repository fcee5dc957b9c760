"""The places of memories in their owner's list, as texts that Redis orders byte by byte.

A score of Redis is a floating-point number, which has not every microsecond of distant years, nor every version.
"""

from datetime import UTC, datetime, timedelta

from providers.types import PageQuery, Snapshot

_BEGINNING = datetime.min.replace(tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MOMENT_DIGITS = 18  # up to the year 9999
_VERSION_DIGITS = 19  # of 64 bits with a sign
_ID_CHARS = 36
NOWHERE = ""


def place_of(state: Snapshot | None) -> str:
    """Return the place of a memory: its moment, its first version, its id; none of what does not live."""
    if state is None or state.deleted or state.created_at is None:
        return NOWHERE
    return f"{_moment(state.created_at)}{state.first_version:0{_VERSION_DIGITS}d}{state.id}"


def id_at(place: bytes) -> str:
    """Return the id of the memory at a place of either kind."""
    return place[-_ID_CHARS:].decode()


def end_of(state: Snapshot | None) -> str:
    """Return the place of a memory among those that expire: its moment, its id; none of what does not expire."""
    return NOWHERE if state is None or state.expires_at is None else f"{_moment(state.expires_at)}{state.id}"


def ended_by(moment: datetime) -> str:
    """Return the greatest end of what has expired at a moment, as Redis writes bounds."""
    return f"[{_moment(moment)}~"


def bounds_of(query: PageQuery) -> tuple[str, str]:
    """Return the least and the greatest place that a page can have, as Redis writes bounds; more may lie between."""
    if query.after is None:
        return "-", "+"
    at = _moment(query.after.created_at)
    return (f"[{at}", "+") if query.order == "oldest" else ("-", f"[{at}~")


def _moment(moment: datetime) -> str:
    return f"{(moment.astimezone(UTC) - _BEGINNING) // _MICROSECOND:0{_MOMENT_DIGITS}d}"
