"""Numbers, times and states in words, as the console shows them."""

from datetime import UTC, datetime

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


def duration(seconds: float) -> str:
    """Format a duration: `0.4 s`, `3 min 20 s`, `2 d 5 h`, two units at most."""
    if seconds < _TENTHS_BELOW:
        return f"{max(0.0, seconds):.1f} s"
    left = int(seconds)
    parts: list[str] = []
    for index, (unit, size) in enumerate(_UNITS):
        if left >= size:
            count, left = divmod(left, size)
            parts.append(f"{count:,} {unit}")
            if index + 1 < len(_UNITS):
                lesser, length = _UNITS[index + 1]
                if left >= length:
                    parts.append(f"{left // length} {lesser}")
            break
    return " ".join(parts)


def milliseconds(seconds: float) -> str:
    """Format milliseconds, to three digits or to the whole number."""
    ms = seconds * 1000
    if ms >= 100:  # noqa: PLR2004 - three digits
        return f"{ms:,.0f}"
    return f"{ms:.1f}" if ms >= _TENTHS_BELOW else f"{ms:.2f}"


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
