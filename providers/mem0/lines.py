"""The connections to one server, each given up for good when a request on it is broken off.

They are httpx's transports and not its clients: what a client adds to a request, such as cookies, redirects and further
hooks, would be refused here, and costs a third of the time that a request takes.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx


class Lines:
    """At most `places` requests at a time, each on a transport of its own that has a single connection.

    A request cancelled at a bad moment, while its connection is handed over or given back, leaves a connection that
    httpcore (1.0.9) takes for busy for ever. Limits of time cancel requests all the time, so that a pool shared by all
    of them would fill up with such connections until nobody is served any more.
    """

    def __init__(self, make: Callable[[], httpx.AsyncBaseTransport], places: int) -> None:
        self._make = make
        self._places = asyncio.Semaphore(places)
        self._free: list[httpx.AsyncBaseTransport] = []  # the last one used is the first to be used again
        self._closing: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def line(self) -> AsyncIterator[httpx.AsyncBaseTransport]:
        """Hold a place for as long as the context lasts; an error in it says that the connection is of no more use."""
        async with self._places:
            transport = self._free.pop() if self._free else self._make()
            try:
                yield transport
            except BaseException:
                self._give_up(transport)
                raise
            self._free.append(transport)

    async def close(self) -> None:
        """Close every connection."""
        for transport in self._free:
            self._give_up(transport)
        self._free.clear()
        await asyncio.gather(*self._closing)

    def _give_up(self, transport: httpx.AsyncBaseTransport) -> None:
        # By a task of its own: whoever was cancelled has no time for it.
        task = asyncio.create_task(transport.aclose())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
