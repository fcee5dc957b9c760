"""Whether a provider answers at all, asked past everything that waits for it."""

import time
from collections.abc import Callable

from providers.errors import Unavailable
from providers.replica import Replica
from providers.timing.lag_tolerant import LagTolerantTimeout

PING_SECONDS = 2.0


async def responds(provider: Replica, now: Callable[[], float] = time.monotonic) -> bool:
    """Ask for next to nothing, and tell whether an answer came within `PING_SECONDS`."""
    try:
        async with LagTolerantTimeout(PING_SECONDS, now=now):
            await provider.ping()
    except (Unavailable, TimeoutError):
        return False
    return True
