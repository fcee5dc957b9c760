"""Sampling of the chain every few seconds, for the gauges of roles and backlogs and for the transitions in the log."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from providers import background
from providers.chain.chain import Chain
from providers.chain.chained import ChainedProvider
from providers.chain.counting import CountingObserver
from providers.chain.describing import describe
from providers.chain.reporting.reporter import Reporter

# Between two samples: less than a scrape interval, and no scrape has to wait for the journal.
SECONDS = 5.0


@asynccontextmanager
async def chain_gauges(chain: Chain, observer: CountingObserver, story: Reporter) -> AsyncIterator[None]:
    """Report the state of a chain for as long as the context lasts."""
    async with background.running(background.start(lambda: _update(chain, observer, story), "gauges")):
        yield


async def _update(chain: Chain, observer: CountingObserver, story: Reporter) -> None:
    while True:
        status = await describe(chain)
        observer.show(status)
        story.look(status)
        if isinstance(chain.provider, ChainedProvider):
            chain.provider.observe(status)
        await asyncio.sleep(SECONDS)
