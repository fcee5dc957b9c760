"""`Retry-After` is read as seconds or as a date, and never fails."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from providers.wire.retry_after import seconds_of

MOST = 600.0  # seconds


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("7.66", 7.66),
        ("600", MOST),
        ("601", MOST),
        ("9" * 5_000, MOST),
        ("-5", None),
        ("7.", None),
        ("1e3", None),
        ("nan", None),
        ("inf", None),
        ("soon", None),
    ],
)
def test_a_wait_is_seconds(said: str | None, seconds: float | None) -> None:
    """With decimals, as some servers give them, and up to a bound."""
    assert seconds_of(said, MOST) == seconds


@pytest.mark.parametrize(
    ("wait", "seconds"), [(timedelta(seconds=90), 90.0), (timedelta(days=9), MOST), (-timedelta(1), 0.0)]
)
def test_a_wait_may_be_a_date(wait: timedelta, seconds: float) -> None:
    """A date is the time from now until then, which is none if it is past."""
    now = datetime(2026, 7, 28, 12, tzinfo=UTC)

    assert seconds_of(format_datetime(now + wait, usegmt=True), MOST, now) == seconds
    assert seconds_of(format_datetime((now + wait).replace(tzinfo=None)), MOST, now) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "²",
        "Sun, 99 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 99999999999999999999 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 +99999999999999999999",
    ],
)
def test_a_date_that_cannot_be_is_no_wait(text: str) -> None:
    """Whatever stands in the header, reading it never fails."""
    assert seconds_of(text, MOST) is None
