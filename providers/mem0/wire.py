"""One request to mem0 and its answer: bounded in time, size and number, never followed elsewhere, never retried."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
from msgspec import Struct

from providers.errors import Unavailable
from providers.mem0.failures import failure_of, translated

# A thousand memories of the greatest length are this much; more is no answer, but a mistake or an attack.
MAX_ANSWER_BYTES = 64 * 1024 * 1024

MAX_ERROR_BYTES = 64 * 1024

_JSON = {"content-type": "application/json", "accept": "application/json"}


class Call(Struct, frozen=True, kw_only=True):
    """What to ask. `writes` tells whether it may have been done although no answer came.

    Statuses in `known` are answers; every other one but 2xx is a failure.
    """

    method: str
    path: str
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


class Wire:
    """A pool of connections to one mem0; `timeout` is seconds for a whole request, its wait for a place excluded."""

    def __init__(self, client: httpx.AsyncClient, timeout: float, places: int) -> None:
        self._client = client
        self._timeout = timeout
        self._places = asyncio.Semaphore(places)

    async def send(self, call: Call) -> Answer:
        """Ask once.

        Raises:
            Misconfigured: mem0 does not know our key, or is not there.
            Throttled: it asks for patience.
            TimedOut: no answer in time.
            Unavailable: it fails, or what it answers is nothing.
            InvalidInput: it refuses what was sent.
        """
        async with self._places:
            with translated(writes=call.writes):
                async with asyncio.timeout(self._timeout):
                    return await self._exchange(call)

    async def _exchange(self, call: Call) -> Answer:
        request = self._client.build_request(
            call.method,
            call.path,
            params=call.params,
            content=None if call.body is None else msgspec.json.encode(call.body),
            headers={**_JSON, **(call.headers or {})},
        )
        response = await self._client.send(request, stream=True)
        try:
            if not response.is_success and response.status_code not in call.known:
                code = await _code_of(response)
                raise failure_of(response.status_code, response.headers, code=code, writes=call.writes)
            content = await _content_of(response, writes=call.writes)
        finally:
            await response.aclose()
        return Answer(response.status_code, _decoded(content, call, response))


@asynccontextmanager
async def open_wire(base_url: str, *, patience: float, connect_timeout: float, places: int) -> AsyncIterator[Wire]:
    """Give a wire to the server at a base URL, which need not be up yet; `patience` is seconds for one request."""
    async with httpx.AsyncClient(
        base_url=base_url,
        timeout=httpx.Timeout(patience, connect=connect_timeout),
        limits=httpx.Limits(max_connections=places, max_keepalive_connections=places),
        follow_redirects=False,
        trust_env=False,  # no proxy and no credentials that nobody configured here
    ) as client:
        yield Wire(client, patience, places)


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


def _decoded(content: bytes, call: Call, response: httpx.Response) -> object:
    try:
        return msgspec.json.decode(content) if content else None
    except (ValueError, RecursionError) as error:  # no JSON, no text at all, or nested without end
        if not response.is_success:
            return None
        raise Unavailable("mem0 answers something else than JSON", ambiguous=call.writes) from error
