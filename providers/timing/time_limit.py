"""The end of the try that this task works for, handed down to the stores, whose own limits then do not cut it short."""

import asyncio
from contextvars import ContextVar, Token

# A moment of the event loop's time; None where nobody has set a limit.
ends_at: ContextVar[float | None] = ContextVar("ninai_try_ends_at", default=None)

# Seconds that a store waits longer than its caller, who knows better what the end of the try means.
_GRACE = 0.25


def hand_down(seconds: float) -> Token[float | None]:
    """Let what this task asks of a store end within so many seconds from now, until `ends_at` is reset."""
    return ends_at.set(asyncio.get_running_loop().time() + seconds + _GRACE)


def latest(moments: list[float | None]) -> float | None:
    """Return the end of what is done for several tries at once; None if one of them has no end."""
    known = [moment for moment in moments if moment is not None]
    return max(known) if known and len(known) == len(moments) else None


def seconds_left(otherwise: float) -> float:
    """Return the seconds until the try ends, or a store's own limit where nobody has set one."""
    moment = ends_at.get()
    return otherwise if moment is None else max(0.0, moment - asyncio.get_running_loop().time())
