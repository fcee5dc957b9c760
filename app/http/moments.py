"""When memories happened, as their callers say it."""

from datetime import datetime, timedelta

from providers.errors import InvalidInput
from providers.limits import check_moment

MOST_AHEAD = timedelta(days=1)  # room for clocks that are wrong, and for days that have begun elsewhere


def check_happened(created_at: datetime | None, now: datetime) -> None:
    """Refuse a moment that is more than a day ahead, or that no store can hold."""
    check_moment("created_at", created_at)
    if created_at is not None and created_at - now > MOST_AHEAD:
        raise InvalidInput("created_at", "must be at most a day ahead")
