"""Numbers, times and progress in words."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from app.console.wording import counted, duration, filling, milliseconds, moment
from providers.chain.backfill import Progress


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-0.2, "0.0 s"),
        (0.44, "0.4 s"),
        (9.94, "9.9 s"),
        (10, "10 s"),
        (60, "1 min"),
        (200.9, "3 min 20 s"),
        (3_600, "1 h"),
        (3_660, "1 h 1 min"),
        (190_000, "2 d 4 h"),
        (86_400 * 12_345, "12,345 d"),
    ],
)
def test_a_duration_has_two_units_at_most(seconds: float, words: str) -> None:
    """Whoever reads a page wants to know about how long."""
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.0001234, "0.12"), (0.00432, "4.32"), (0.0432, "43.2"), (0.432, "432"), (1.2345, "1,234")]
)
def test_milliseconds_have_three_digits(seconds: float, words: str) -> None:
    """More would say more than is known."""
    assert milliseconds(seconds) == words


def test_a_moment_is_told_in_utc() -> None:
    """Operators sit anywhere."""
    at = datetime(2026, 11, 23, 5, 30, 12, tzinfo=timezone(timedelta(hours=5, minutes=30)))

    assert moment(at) == moment(at.astimezone(UTC)) == "2026-11-23 00:00:12 UTC"


def test_numbers_go_with_their_words() -> None:
    """Large ones can be read."""
    assert [counted(number, "user", "users") for number in (0, 1, 12_345)] == ["0 users", "1 user", "12,345 users"]


@pytest.mark.parametrize(
    ("progress", "reason", "words"),
    [
        (None, None, "is about to be filled, or another process fills it"),
        (Progress(copied=1_204, copied_users=1), None, "1,204 memories of 1 user copied"),
        (
            Progress(copied=9, verified=7, repaired=1, verifying=True),
            None,
            "7 memories compared (1 repaired, 0 too much)",
        ),
        (Progress(copied=9), "the source is away", "waits: the source is away"),
    ],
)
def test_the_progress_of_a_filling_is_told(progress: Progress | None, reason: str | None, words: str) -> None:
    """What was done so far, or what is waited for."""
    assert filling(progress, reason) == words
