"""One request to an index of Pinecone and its answer: bounded in time, size and number, never retried.

It is spoken to over httpx and not by Pinecone's own client (10.2): that shares one pool of connections among requests
that are cancelled (see `providers/wire/connection_pool.py`), reads variables of the environment by which it logs the
bodies of requests, keeps one budget of retries for the whole process, and bounds the version of our codec.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import httpx
import msgspec
from msgspec import Struct

from observability import tracing
from observability.secret import Secret
from providers.errors import Misconfigured, Unavailable
from providers.pinecone.failures import failure_of, lacks_namespace
from providers.timing import time_limit
from providers.wire.answers import content_of, moment_in
from providers.wire.connection_pool import ConnectionPool, single_connections
from providers.wire.translating import translated

API_VERSION = "2025-10"
# A hundred records with the longest metadata are 4 MB, and their vectors come with them; more is a mistake.
MAX_ANSWER_BYTES = 64 * 1024 * 1024
SERVER = "Pinecone"

_FAILURE = 400  # and above
_HEADERS = {
    "content-type": "application/json",
    "accept": "application/json",
    "accept-encoding": "gzip, deflate",
    "user-agent": "ninaivalaigal",
    "x-pinecone-api-version": API_VERSION,
}


class PineconeRequest(Struct, frozen=True, kw_only=True):
    """What to ask. `writes` says that it may have been done although no answer came.

    That there is no such namespace is an answer without content if it `may_lack`. One that is `apart` has a connection
    beside those of all others.
    """

    method: str
    path: str
    params: Mapping[str, str | int | Sequence[str]] | None = None
    body: object = None
    writes: bool = False
    may_lack: bool = False
    apart: bool = False


class PineconeAnswer(Struct, frozen=True):
    """What came back: a JSON object, and what the server's clock said, None if it did not tell."""

    body: dict[str, Any]
    moment: datetime | None


class PineconeClient:
    """Send requests to one index; `timeout` is seconds for a whole one to which no other limit is handed down."""

    def __init__(
        self,
        connections: ConnectionPool,
        apart: ConnectionPool,
        base_url: httpx.URL,
        key: Secret | None,
        timeout: float,
        connecting: float,
    ) -> None:
        self._connections, self._apart = connections, apart
        self._base, self._url = base_url, str(base_url).rstrip("/")
        self._headers = _HEADERS if key is None else {**_HEADERS, "api-key": key.reveal()}
        self._timeout, self._connect_timeout = timeout, connecting

    async def send(self, request: PineconeRequest) -> PineconeAnswer:
        """Ask once.

        Raises:
            Unavailable: see `providers/pinecone/failures.py`, and if what is answered is nothing.
        """
        pool = self._apart if request.apart else self._connections
        async with pool.acquire() as transport:
            seconds = time_limit.seconds_left(self._timeout)
            with (
                tracing.span(f"{request.method} {request.path}", tracing.Kind.CLIENT) as span,
                translated(SERVER, "host", writes=request.writes),
            ):
                span.set("http.request.method", request.method)
                span.set("server.address", self._base.host)
                async with asyncio.timeout(seconds):
                    response = await transport.handle_async_request(self._built(request, seconds))
                    try:
                        content = await content_of(response, MAX_ANSWER_BYTES, SERVER, writes=request.writes)
                    finally:
                        await response.aclose()
                span.set("http.response.status_code", response.status_code)
                if response.status_code >= _FAILURE:
                    span.fail(str(response.status_code))
        body = _decoded(content)
        if request.may_lack and lacks_namespace(response.status_code, body):
            return PineconeAnswer({}, moment_in(response.headers))
        if not response.is_success:
            raise failure_of(response.status_code, response.headers, body, writes=request.writes)
        if body is None:
            raise _no_pinecone(content, writes=request.writes)
        return PineconeAnswer(body, moment_in(response.headers))

    def _built(self, request: PineconeRequest, seconds: float) -> httpx.Request:
        traceparent = tracing.current.get().traceparent
        traced = {} if traceparent is None else {"traceparent": traceparent}
        patience = {"connect": self._connect_timeout, "read": seconds, "write": seconds, "pool": seconds}
        return httpx.Request(
            request.method,
            self._url + request.path,
            params=None if request.params is None else httpx.QueryParams(request.params),
            content=None if request.body is None else msgspec.json.encode(request.body),
            headers={**self._headers, **traced},
            extensions={"timeout": patience},
        )


@asynccontextmanager
async def open_client(
    host: str, *, key: Secret | None, request_timeout: float, connect_timeout: float, concurrency: int
) -> AsyncIterator[PineconeClient]:
    """Open a client of the index at a host, which need not be up yet; `request_timeout` is seconds."""
    make = single_connections()
    connections, apart = ConnectionPool(make, concurrency), ConnectionPool(make, 1)
    try:
        yield PineconeClient(connections, apart, httpx.URL(host), key, request_timeout, connect_timeout)
    finally:
        await connections.close()
        await apart.close()


def _decoded(content: bytes) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(content, type=dict[str, Any])
    except (ValueError, RecursionError):  # no JSON, no object, no text at all, or nested without end
        return None


def _no_pinecone(content: bytes, *, writes: bool) -> Unavailable:
    """Return the error of an answer that is no object: a page of somebody else's, or one that broke off."""
    if content.lstrip()[:1] == b"<":
        return Misconfigured("what answers there is no index of Pinecone: is host right?")
    return Unavailable(f"{SERVER} answers something else than JSON", ambiguous=writes)
