"""How long a server asks to be left alone: the header `Retry-After`, read so that nothing in it fails."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# Servers of models write decimals, which RFC 9110 has not.
_SECONDS = re.compile(r"\d+(\.\d+)?", re.ASCII)


def seconds_of(retry_after: str | None, most: float, now: datetime | None = None) -> float | None:
    """Read seconds or a date (RFC 9110, section 10.2.3), `most` at the utmost; None if it is neither."""
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
