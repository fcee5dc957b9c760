"""The connections to one server, each given up for good when a request on it is broken off.

They are httpx's transports and not its clients: what a client adds to a request, such as cookies, redirects and further
hooks, would be refused here, and costs a third of the time that a request takes.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache

import httpx


class ConnectionPool:
    """Hold at most `size` requests at a time, each on a transport of its own that has a single connection.

    A request cancelled at a bad moment, while its connection is handed over or given back, leaves a connection that
    httpcore (1.0.9) takes for busy for ever. Time limits cancel requests all the time, so that a pool shared by all
    of them would fill up with such connections until no request is served any more.
    """

    def __init__(self, make: Callable[[], httpx.AsyncBaseTransport], size: int) -> None:
        self._make = make
        self._slots = asyncio.Semaphore(size)
        self._idle: list[httpx.AsyncBaseTransport] = []  # the last one used is the first to be used again
        self._closing: set[asyncio.Task[None]] = set()
        self._closed = False

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[httpx.AsyncBaseTransport]:
        """Hold a connection for as long as the context lasts; an error in it says that it is of no more use."""
        async with self._slots:
            transport = self._idle.pop() if self._idle else self._make()
            try:
                yield transport
            except BaseException:
                self._discard(transport)
                raise
            if self._closed:
                self._discard(transport)
            else:
                self._idle.append(transport)

    async def close(self) -> None:
        """Close every connection; one that is in use is closed when it is given back."""
        self._closed = True
        for transport in self._idle:
            self._discard(transport)
        self._idle.clear()
        await asyncio.gather(*self._closing)

    def _discard(self, transport: httpx.AsyncBaseTransport) -> None:
        # By a task of its own: a request that was cancelled has no time for it.
        task = asyncio.create_task(transport.aclose())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def single_connections() -> Callable[[], httpx.AsyncBaseTransport]:
    """Return what makes the transports of a pool."""
    context = _tls()

    def make() -> httpx.AsyncBaseTransport:
        return httpx.AsyncHTTPTransport(
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
            trust_env=False,  # no proxy and no credentials that nobody configured here
            verify=context,
        )

    return make


@cache
def _tls() -> ssl.SSLContext:
    """Return the one context of this process: making it reads a file of certificates, for 20 ms of the processor."""
    return httpx.create_ssl_context(trust_env=False)
