"""The places of memories in their owner's list, as texts that stores order byte by byte.

A floating-point number, by which some stores order, has not every microsecond of distant years, nor every version.
"""

from datetime import UTC, datetime, timedelta

from providers.types import Snapshot

_BEGINNING = datetime.min.replace(tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MOMENT_DIGITS = 18  # up to the year 9999
_VERSION_DIGITS = 19  # of 64 bits with a sign
NOWHERE = ""


def place_of(state: Snapshot | None) -> str:
    """Return the place of a memory: its moment, its first version, its id; none of what does not live."""
    if state is None or state.deleted or state.created_at is None:
        return NOWHERE
    return f"{place_at(state.created_at)}{state.first_version:0{_VERSION_DIGITS}d}{state.id}"


def place_at(moment: datetime) -> str:
    """Return what the places of a moment begin with."""
    return f"{(moment.astimezone(UTC) - _BEGINNING) // _MICROSECOND:0{_MOMENT_DIGITS}d}"
