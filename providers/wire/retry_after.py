"""The header `Retry-After`, read without ever failing."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# Servers of models send decimals, which RFC 9110 does not allow.
_SECONDS = re.compile(r"\d+(\.\d+)?", re.ASCII)


def seconds_of(retry_after: str | None, most: float, now: datetime | None = None) -> float | None:
    """Return the seconds that a value asks for, as a number or a date (RFC 9110, section 10.2.3), at most `most`.

    Return None if it is neither.
    """
    if retry_after is None:
        return None
    text = retry_after.strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), most)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # the latter for a year or an offset of twenty digits
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - (now or datetime.now(UTC))).total_seconds()), most)
