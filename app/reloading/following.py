"""Run the reloader beside the application."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.reloading.reloader import Reloader
from providers import background


@asynccontextmanager
async def following(reloader: Reloader, *, handles_sighup: bool) -> AsyncIterator[None]:
    """Follow the configuration for as long as the context lasts; with `handles_sighup`, SIGHUP has it read at once."""
    loop = asyncio.get_running_loop()
    task = background.start(reloader.run, "reloader")
    if handles_sighup:
        loop.add_signal_handler(signal.SIGHUP, reloader.wake)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        if handles_sighup:
            loop.remove_signal_handler(signal.SIGHUP)
        await background.stop(task)
