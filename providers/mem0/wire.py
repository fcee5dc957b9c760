"""One request to mem0 and its answer: bounded in time, size and number, never followed elsewhere, never retried.

Each is a span, and mem0 is told of it (W3C Trace Context), so that what mem0 traces is a part of the same trace.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
from msgspec import Struct

from observability import tracing
from providers.errors import Unavailable
from providers.mem0.failures import failure_of, translated
from providers.mem0.lines import Lines

# A thousand memories of the greatest length are this much; more is no answer, but a mistake or an attack.
MAX_ANSWER_BYTES = 64 * 1024 * 1024

MAX_ERROR_BYTES = 64 * 1024

_FAILURE = 400  # and above
_PORTS = {"http": 80, "https": 443}
_JSON = {"content-type": "application/json", "accept": "application/json"}


class Call(Struct, frozen=True, kw_only=True):
    """What to ask. `writes` tells whether it may have been done although no answer came.

    `path` is a template, in which `{id}` stands for `id` as it is. Statuses in `known` are answers; every other one but
    2xx is a failure.
    """

    method: str
    path: str
    id: str = ""
    body: object = None
    params: Mapping[str, str | int] | None = None
    headers: Mapping[str, str] | None = None
    writes: bool = False
    known: frozenset[int] = frozenset()


class _Error(Struct):
    code: str | None = None


class Answer(Struct, frozen=True):
    """What came back; `body` is decoded JSON, None for no content and for a known status without JSON."""

    status: int
    body: Any


class _Received(Struct, frozen=True):
    """An answer as it came; `code` is mem0's name for an error, `content` is empty then."""

    status: int
    headers: httpx.Headers
    content: bytes = b""
    code: str | None = None


class Wire:
    """Requests to one mem0; `timeout` is seconds for a whole one, its wait for a place excluded."""

    def __init__(self, lines: Lines, timeout: float) -> None:
        self._lines = lines
        self._timeout = timeout

    async def send(self, call: Call) -> Answer:
        """Ask once.

        Raises:
            Misconfigured: mem0 does not know our key, or is not there.
            Throttled: it asks for patience.
            TimedOut: no answer in time.
            Unavailable: it fails, or what it answers is nothing.
            InvalidInput: it refuses what was sent.
        """
        async with self._lines.line() as client:
            with tracing.span(call.method, tracing.Kind.CLIENT) as span, translated(writes=call.writes):
                if span.recorded:
                    _describe(span, call, client.base_url)
                async with asyncio.timeout(self._timeout):
                    received = await _exchanged(client, call)
                span.set("http.response.status_code", received.status)
                if received.status >= _FAILURE and received.status not in call.known:
                    span.fail(str(received.status))
        if not httpx.codes.is_success(received.status) and received.status not in call.known:
            raise failure_of(received.status, received.headers, code=received.code, writes=call.writes)
        return Answer(received.status, _decoded(received, call))


@asynccontextmanager
async def open_wire(base_url: str, *, patience: float, connect_timeout: float, places: int) -> AsyncIterator[Wire]:
    """Give a wire to the server at a base URL, which need not be up yet; `patience` is seconds for one request."""
    # Made once: it reads a file of certificates.
    context = httpx.create_ssl_context(trust_env=False)

    def make() -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=base_url,
            timeout=httpx.Timeout(patience, connect=connect_timeout),
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
            follow_redirects=False,
            trust_env=False,  # no proxy and no credentials that nobody configured here
            verify=context,
        )

    lines = Lines(make, places)
    try:
        yield Wire(lines, patience)
    finally:
        await lines.close()


def _describe(span: tracing.Span, call: Call, base: httpx.URL) -> None:
    span.rename(f"{call.method} {call.path}")
    span.set("http.request.method", call.method)
    span.set("url.template", call.path)
    span.set("server.address", base.host)
    span.set("server.port", base.port or _PORTS[base.scheme])


async def _exchanged(client: httpx.AsyncClient, call: Call) -> _Received:
    traceparent = tracing.current.get().traceparent
    request = client.build_request(
        call.method,
        call.path.replace("{id}", call.id),
        params=call.params,
        content=None if call.body is None else msgspec.json.encode(call.body),
        headers={**_JSON, **(call.headers or {}), **({} if traceparent is None else {"traceparent": traceparent})},
    )
    response = await client.send(request, stream=True)
    try:
        if response.is_success or response.status_code in call.known:
            content = await _content_of(response, writes=call.writes)
            return _Received(response.status_code, response.headers, content=content)
        return _Received(response.status_code, response.headers, code=await _code_of(response))
    finally:
        await response.aclose()


async def _content_of(response: httpx.Response, *, writes: bool) -> bytes:
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > MAX_ANSWER_BYTES:
            raise Unavailable(f"mem0 answers more than {MAX_ANSWER_BYTES} bytes", ambiguous=writes)
    return bytes(content)


async def _code_of(response: httpx.Response) -> str | None:
    """Give the name that mem0's server has for its error: the status of nearly all of them is 502."""
    content = bytearray()
    try:
        async for chunk in response.aiter_bytes():
            content += chunk
            if len(content) > MAX_ERROR_BYTES:
                return None
        return msgspec.json.decode(content, type=_Error).code
    except (httpx.HTTPError, ValueError, RecursionError):  # broken off or nameless: the status tells enough
        return None


def _decoded(received: _Received, call: Call) -> object:
    try:
        return msgspec.json.decode(received.content) if received.content else None
    except (ValueError, RecursionError) as error:  # no JSON, no text at all, or nested without end
        if not httpx.codes.is_success(received.status):
            return None
        raise Unavailable("mem0 answers something else than JSON", ambiguous=call.writes) from error
