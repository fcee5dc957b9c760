"""Keeping the gauges of roles and backlogs up to date, beside the application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from providers import background
from providers.chain.chain import Chain
from providers.chain.counting import CountingObserver
from providers.chain.describing import describe

# Between two looks: less than a scrape interval, and no scrape has to wait for the journal.
SECONDS = 5.0


@asynccontextmanager
async def shown(chain: Chain, observer: CountingObserver) -> AsyncIterator[None]:
    """Show what a chain says about itself for as long as the context lasts."""
    task = background.start(lambda: _show(chain, observer), "gauges")
    try:
        yield
    finally:
        await background.stop(task)


async def _show(chain: Chain, observer: CountingObserver) -> None:
    while True:
        observer.show(await describe(chain))
        await asyncio.sleep(SECONDS)
