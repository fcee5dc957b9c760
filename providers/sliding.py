"""Expiries that slide: whoever is given a memory gives it its time again, from that moment on."""

from datetime import datetime

from msgspec import UnsetType

from providers.errors import InvalidInput

MAX_SLIDING_SECONDS = 100 * 366 * 86_400  # a century

# Touches come at most once in a tenth of the time, which is then still some seconds.
MIN_SLIDING_SECONDS = 60


def check_sliding(seconds: int | None, expires_at: datetime | UnsetType | None) -> None:
    """Refuse an expiry that slides by an impossible time, or where nothing expires."""
    if seconds is None:
        return
    if not MIN_SLIDING_SECONDS <= seconds <= MAX_SLIDING_SECONDS:
        reason = f"must be between {MIN_SLIDING_SECONDS} and {MAX_SLIDING_SECONDS}"
        raise InvalidInput("sliding_seconds", reason)
    if not isinstance(expires_at, datetime):
        raise InvalidInput("sliding_seconds", "must not be given without expires_at")
