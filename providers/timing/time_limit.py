"""The end of the current try, passed on to the stores so that their own limits do not cut it short."""

import asyncio
from contextvars import ContextVar, Token

# A moment on the event loop's clock; None where no limit is set.
ends_at: ContextVar[float | None] = ContextVar("ninai_try_ends_at", default=None)

# Seconds that a store waits longer than its caller, so that the caller's own timeout comes first.
_GRACE = 0.25


def hand_down(seconds: float) -> Token[float | None]:
    """Let calls to a store from this task end within this many seconds from now, until `ends_at` is reset."""
    return ends_at.set(asyncio.get_running_loop().time() + seconds + _GRACE)


def latest(moments: list[float | None]) -> float | None:
    """Return the end of a step that serves several tries; None if one of them has no end."""
    known = [moment for moment in moments if moment is not None]
    return max(known) if known and len(known) == len(moments) else None


def seconds_left(otherwise: float) -> float:
    """Return the seconds until the try ends, or the store's own limit where none is set."""
    moment = ends_at.get()
    return otherwise if moment is None else max(0.0, moment - asyncio.get_running_loop().time())
