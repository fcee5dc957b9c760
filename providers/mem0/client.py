"""One request to mem0 and its answer: bounded in time, size and number, never followed elsewhere, never retried.

Each is a span that is sent along (W3C Trace Context), so that what mem0 traces is a part of the same trace.
"""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from types import MappingProxyType
from typing import Any

import httpx
import msgspec
from msgspec import Struct

from observability import tracing
from providers.errors import Unavailable
from providers.mem0.failures import failure_of
from providers.timing import time_limit
from providers.wire.answers import content_of, moment_in
from providers.wire.connection_pool import ConnectionPool, single_connections
from providers.wire.translating import translated

# A thousand memories of the greatest length are this much; more is no answer, but a mistake or an attack.
MAX_ANSWER_BYTES = 64 * 1024 * 1024

MAX_ERROR_BYTES = 64 * 1024
_FAILURE = 400  # and above
_PORTS = {"http": 80, "https": 443}
NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_JSON = {"content-type": "application/json", "accept": "application/json"}
_HEADERS = {**_JSON, "accept-encoding": "gzip, deflate", "user-agent": "ninaivalaigal"}


class HttpRequest(Struct, frozen=True):
    """What to ask. `writes` says that it may have been done although no answer came.

    `path` is a template, in which `{id}` stands for `id` as it is. Statuses in `known` are answers; every other one but
    2xx is a failure. One that is `apart` has a connection beside those of all others.
    """

    method: str
    path: str
    id: str = ""
    body: object = None
    params: Mapping[str, str | int] | None = None
    writes: bool = False
    known: frozenset[int] = frozenset()
    apart: bool = False


class _Error(Struct):
    code: str | None = None


class HttpResponse(Struct, frozen=True):
    """What came back; `body` is decoded JSON, None for no content and for a known status without JSON.

    `moment` is what the server's clock said, None if it did not tell.
    """

    status: int
    body: Any
    moment: datetime | None = None


class _Received(Struct, frozen=True):
    """An answer as it came; `code` is mem0's name for an error, `content` is empty then."""

    status: int
    headers: httpx.Headers
    content: bytes = b""
    code: str | None = None


class HttpClient:
    """Send requests to one mem0; `timeout` is seconds for a whole one to which no other limit is handed down."""

    def __init__(
        self, connections: ConnectionPool, apart: ConnectionPool, base_url: httpx.URL, timeout: float, connecting: float
    ) -> None:
        self._connections, self._apart = connections, apart
        self._base = base_url
        self._url = str(base_url.copy_with(userinfo=b"")).rstrip("/")
        self._credentials = _credentials_in(base_url)
        self._timeout, self._connect_timeout = timeout, connecting

    async def send(self, request: HttpRequest, headers: Mapping[str, str] = NO_HEADERS) -> HttpResponse:
        """Ask once, with these headers beside the client's own.

        Raises:
            Misconfigured: mem0 does not know our key, or is not there.
            Throttled: it asks for patience.
            TimedOut: no answer in time.
            Unavailable: it fails, or what it answers is nothing.
            InvalidInput: it refuses what was sent.
        """
        async with (self._apart if request.apart else self._connections).acquire() as transport:
            with (
                tracing.span(request.method, tracing.Kind.CLIENT) as span,
                translated("mem0", "base_url", writes=request.writes),
            ):
                if span.recorded:
                    _describe(span, request, self._base)
                seconds = time_limit.seconds_left(self._timeout)
                async with asyncio.timeout(seconds):
                    received = await _exchanged(transport, self._built(request, headers, seconds), request)
                span.set("http.response.status_code", received.status)
                if received.status >= _FAILURE and received.status not in request.known:
                    span.fail(str(received.status))
        if not httpx.codes.is_success(received.status) and received.status not in request.known:
            raise failure_of(received.status, received.headers, code=received.code, writes=request.writes)
        return HttpResponse(received.status, _decoded(received, request), moment_in(received.headers))

    def _built(self, request: HttpRequest, headers: Mapping[str, str], seconds: float) -> httpx.Request:
        traceparent = tracing.current.get().traceparent
        traced = {} if traceparent is None else {"traceparent": traceparent}
        patience = {"connect": self._connect_timeout, "read": seconds, "write": seconds, "pool": seconds}
        return httpx.Request(
            request.method,
            self._url + request.path.replace("{id}", request.id),
            params=request.params,
            content=None if request.body is None else msgspec.json.encode(request.body),
            headers={**_HEADERS, **headers, **self._credentials, **traced},
            extensions={"timeout": patience},
        )


@asynccontextmanager
async def open_client(
    base_url: str, *, request_timeout: float, connect_timeout: float, concurrency: int
) -> AsyncIterator[HttpClient]:
    """Open a client of the server at a base URL, which need not be up yet; `request_timeout` is seconds."""
    make = single_connections()
    # A health check neither waits behind slow requests nor takes the connection of one.
    connections, apart = ConnectionPool(make, concurrency), ConnectionPool(make, 1)
    try:
        yield HttpClient(connections, apart, httpx.URL(base_url), request_timeout, connect_timeout)
    finally:
        await connections.close()
        await apart.close()


def _describe(span: tracing.Span, request: HttpRequest, base: httpx.URL) -> None:
    span.rename(f"{request.method} {request.path}")
    span.set("http.request.method", request.method)
    span.set("url.template", request.path)
    span.set("server.address", base.host)
    span.set("server.port", base.port or _PORTS[base.scheme])


def _credentials_in(base_url: httpx.URL) -> dict[str, str]:
    """Return what stands before the host of a URL as a header, as browsers send it."""
    if not base_url.userinfo:
        return {}
    userinfo = f"{base_url.username}:{base_url.password}".encode()
    return {"authorization": f"Basic {b64encode(userinfo).decode()}"}


async def _exchanged(transport: httpx.AsyncBaseTransport, built: httpx.Request, request: HttpRequest) -> _Received:
    response = await transport.handle_async_request(built)
    try:
        if response.is_success or response.status_code in request.known:
            content = await content_of(response, MAX_ANSWER_BYTES, "mem0", writes=request.writes)
            return _Received(response.status_code, response.headers, content=content)
        return _Received(response.status_code, response.headers, code=await _code_of(response))
    finally:
        await response.aclose()


async def _code_of(response: httpx.Response) -> str | None:
    """Return the name that mem0's server has for its error: the status of nearly all of them is 502."""
    content = bytearray()
    try:
        async for chunk in response.aiter_bytes():
            content += chunk
            if len(content) > MAX_ERROR_BYTES:
                return None
        return msgspec.json.decode(content, type=_Error).code
    except (httpx.HTTPError, ValueError, RecursionError):  # broken off or nameless: the status says enough
        return None


def _decoded(received: _Received, request: HttpRequest) -> object:
    try:
        return msgspec.json.decode(received.content) if received.content else None
    except (ValueError, RecursionError) as error:  # no JSON, no text at all, or nested without end
        if not httpx.codes.is_success(received.status):
            return None
        raise Unavailable("mem0 answers something else than JSON", ambiguous=request.writes) from error
