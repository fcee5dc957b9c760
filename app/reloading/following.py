"""Run the reloader beside the application."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.reloading.reloader import Reloader
from providers import background


@asynccontextmanager
async def following(reloader: Reloader, *, heeds_hangup: bool) -> AsyncIterator[None]:
    """Follow the configuration for as long as the context lasts; SIGHUP reads it at once, if `heeds_hangup`."""
    loop = asyncio.get_running_loop()
    task = background.start(reloader.run, "reloader")
    if heeds_hangup:
        loop.add_signal_handler(signal.SIGHUP, reloader.wake)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        if heeds_hangup:
            loop.remove_signal_handler(signal.SIGHUP)
        await background.stop(task)
