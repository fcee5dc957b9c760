"""A ping of a provider, which passes by everything that waits for it."""

import time
from collections.abc import Callable

from providers.errors import Unavailable
from providers.replica import Replica
from providers.timing.lag_tolerant import LagTolerantTimeout

PING_SECONDS = 2.0


async def responds(provider: Replica, now: Callable[[], float] = time.monotonic) -> bool:
    """Ping the provider, and return whether an answer came within `PING_SECONDS`."""
    try:
        async with LagTolerantTimeout(PING_SECONDS, now=now):
            await provider.ping()
    except (Unavailable, TimeoutError):
        return False
    return True
