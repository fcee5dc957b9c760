"""When memories happened, as their callers say it."""

from datetime import datetime, timedelta

from providers.errors import InvalidInput
from providers.expiry import BEGINNING
from providers.limits import check_moment

MOST_AHEAD = timedelta(days=1)  # room for clocks that are wrong, and for days that have begun elsewhere


def check_happened(created_at: datetime | None, now: datetime) -> None:
    """Refuse a moment that is more than a day ahead, or that no store can hold.

    The first moment of all is what PostgreSQL's driver takes for minus infinity, which has no time zone.
    """
    check_moment("created_at", created_at)
    if created_at is None:
        return
    if created_at <= BEGINNING:
        raise InvalidInput("created_at", f"must be later than {BEGINNING.isoformat()}")
    if created_at - now > MOST_AHEAD:
        raise InvalidInput("created_at", "must be at most a day ahead")
