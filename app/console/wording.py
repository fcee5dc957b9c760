"""Numbers, times and states in words, as the console shows them."""

from datetime import UTC, datetime
from typing import Literal

from providers.chain.backfill import Progress
from providers.chain.breaker_state import BreakerState

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
_TENTHS_BELOW = 10

STATES = {
    BreakerState.CLOSED: "closed",
    BreakerState.OPEN: "open",
    BreakerState.HALF_OPEN: "half open",
    BreakerState.FORCED_OPEN: "forced open",
    BreakerState.FORCED_CLOSED: "forced closed",
}


BreakerWish = Literal["open", "closed", "auto"]
WISHES: dict[BreakerWish, str] = {"open": "Force open", "closed": "Force closed", "auto": "Release"}


def duration(seconds: float) -> str:
    """Format a duration: `0.4 s`, `3 min 20 s`, `2 d 5 h`, two units at most."""
    if seconds < _TENTHS_BELOW:
        return f"{max(0.0, seconds):.1f} s"
    left = int(seconds)
    counts: list[tuple[int, str]] = []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        counts.append((count, unit))
    greatest = next(place for place, (count, _) in enumerate(counts) if count)
    return " ".join(f"{count:,} {unit}" for count, unit in counts[greatest : greatest + 2] if count)


def milliseconds(seconds: float) -> str:
    """Format milliseconds, to three digits or to the whole number."""
    ms = seconds * 1000
    if ms >= 100:  # noqa: PLR2004 - three digits
        return f"{ms:,.0f}"
    return f"{ms:.1f}" if ms >= _TENTHS_BELOW else f"{ms:.2f}"


def share(part: int, whole: int) -> str:
    """Format a share: `0 %`, `< 0.1 %`, `1.2 %`, `35 %`."""
    percent = 100 * part / whole if whole else 0.0
    if 0 < percent < 0.1:  # noqa: PLR2004 - the least that is written out
        return "< 0.1 %"
    return f"{percent:.1f} %" if 0 < percent < _TENTHS_BELOW else f"{percent:.0f} %"


def moment(at: datetime) -> str:
    """Format a moment: `2026-11-23 03:05:12 UTC`."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def counted(number: int, one: str, many: str) -> str:
    """Format a count: `1 operation`, `1,204 operations`."""
    return f"{number:,} {one if number == 1 else many}"


def filling(progress: Progress | None, reason: str | None) -> str:
    """Describe how far a provider is that has not received everything."""
    if reason is not None:
        return f"waits: {reason}"
    if progress is None:
        return "is about to be filled, or another process fills it"
    if progress.verifying:
        found = f"{progress.repaired:,} repaired, {progress.extra:,} too much"
        return f"{counted(progress.verified, 'memory', 'memories')} compared ({found})"
    users = counted(progress.copied_users, "user", "users")
    return f"{counted(progress.copied, 'memory', 'memories')} of {users} copied"
