"""The wake-up call of a membership: who may not answer any more should not do so until the next regular look."""

import asyncio
from contextlib import suppress

from providers.chain.observer import StoreEvent, Unobserved


class Wake(Unobserved):
    """End a wait as soon as something has become of a store: who may not answer any more should not."""

    def __init__(self) -> None:
        self._happened = asyncio.Event()

    def met_store(self, provider: str, event: StoreEvent) -> None:  # noqa: ARG002 - whatever it is
        """See `ChainObserver`."""
        self._happened.set()

    async def wait(self, seconds: float) -> None:
        """Wait for so long, or until something has become of a store."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._happened.wait()
        self._happened.clear()
