"""Moments of memories as the integers that an index keeps: microseconds since 1970."""

from datetime import UTC, datetime, timedelta

from providers.source import WriteSource

NEVER = (1 << 63) - 1  # an expiry
NO_MOMENT = -(1 << 63)  # of a write that nobody noted

_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """Return the microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def expiry_of(expires_at: datetime | None) -> int:
    """Return when a memory expires, `NEVER` without an expiry."""
    return NEVER if expires_at is None else microseconds(expires_at)


def written_of(source: WriteSource | None) -> int:
    """Return when a memory was written, `NO_MOMENT` where nobody noted it."""
    return NO_MOMENT if source is None or source.at is None else microseconds(source.at)
