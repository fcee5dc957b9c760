"""mem0's `expiration_date`: the last day, in UTC, on which a memory is found."""

from datetime import UTC, date, datetime, time, timedelta

from providers.errors import InvalidInput

_DAY = timedelta(days=1)
_MOMENT = timedelta(microseconds=1)


def expiry_of(expiration_date: str | None) -> datetime | None:
    """Return the end of a day, which clients may also name by a moment in it; None without one.

    Raises:
        InvalidInput: it is neither a day nor a moment.
    """
    if expiration_date is None:
        return None
    try:
        moment = datetime.fromisoformat(expiration_date)
        day = moment.date() if moment.tzinfo is None else moment.astimezone(UTC).date()
        return datetime.combine(day + _DAY, time(), UTC)
    except (ValueError, OverflowError):
        raise InvalidInput("expiration_date", "must be a date, as 2030-01-31") from None


def expiration_date_of(expires_at: datetime | None) -> date | None:
    """Return the last day on which a memory is found, None if it does not expire."""
    return None if expires_at is None else (expires_at - _MOMENT).date()
