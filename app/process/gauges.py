"""Looking at the chain every few seconds, for the gauges of roles and backlogs and for the story in the log."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from providers import background
from providers.chain.chain import Chain
from providers.chain.counting import CountingObserver
from providers.chain.describing import describe
from providers.chain.reporting.reporter import Reporter

# Between two looks: less than a scrape interval, and no scrape has to wait for the journal.
SECONDS = 5.0


@asynccontextmanager
async def shown(chain: Chain, observer: CountingObserver, story: Reporter) -> AsyncIterator[None]:
    """Show what a chain says about itself for as long as the context lasts."""
    task = background.start(lambda: _show(chain, observer, story), "gauges")
    try:
        yield
    finally:
        await background.stop(task)


async def _show(chain: Chain, observer: CountingObserver, story: Reporter) -> None:
    while True:
        status = await describe(chain)
        observer.show(status)
        story.look(status)
        await asyncio.sleep(SECONDS)
