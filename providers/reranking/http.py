"""A reranker behind HTTP, as Cohere, Jina and the servers of open models speak it: `POST .../rerank`."""

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx
import msgspec
from msgspec import Struct

from observability.secret import Secret
from providers.reranking.base import Reranker, RerankerUnavailable
from providers.wire.connection_pool import ConnectionPool, single_connections
from providers.wire.retry_after import seconds_of

MAX_ANSWER_BYTES = 1024 * 1024
LONGEST_TEXT = 4_000  # characters of a text that are sent: such models read about 512 tokens
_LONGEST_PAUSE = 60.0  # seconds
_HEADERS = {"content-type": "application/json", "accept": "application/json", "user-agent": "ninaivalaigal"}


class _Request(Struct, omit_defaults=True):
    query: str
    documents: list[str]
    top_n: int
    model: str | None = None


class _Result(Struct):
    index: int
    relevance_score: float


class _Relevances(Struct):
    results: list[_Result]


class HttpReranker(Reranker):
    """Ask one server; `timeout` is seconds for a whole request."""

    def __init__(
        self,
        connections: ConnectionPool,
        url: str,
        model: str | None,
        key: Secret | None,
        timeout: float,
        candidates: int,
    ) -> None:
        self.candidates = candidates
        self._connections = connections
        self._url, self._model, self._timeout = url, model, timeout
        self._headers = _HEADERS if key is None else {**_HEADERS, "authorization": f"Bearer {key.reveal()}"}

    async def relevances(self, question: str, texts: Sequence[str]) -> list[float | None]:
        """See `Reranker`."""
        documents = [text[:LONGEST_TEXT] for text in texts]
        body = msgspec.json.encode(_Request(question[:LONGEST_TEXT], documents, len(documents), self._model))
        try:
            async with asyncio.timeout(self._timeout), self._connections.acquire() as transport:
                content = await _exchanged(transport, self._request(body))
        except TimeoutError as error:
            raise RerankerUnavailable(f"no answer within {self._timeout:g} s") from error
        except httpx.HTTPError as error:
            raise RerankerUnavailable(f"{type(error).__name__}: {error}") from error
        return _relevances(content, len(texts))

    def _request(self, body: bytes) -> httpx.Request:
        waits = dict.fromkeys(("connect", "read", "write", "pool"), self._timeout)
        return httpx.Request("POST", self._url, content=body, headers=self._headers, extensions={"timeout": waits})


@asynccontextmanager
async def open_reranker(
    url: str, *, model: str | None, key: Secret | None, patience: float, candidates: int, concurrency: int
) -> AsyncIterator[HttpReranker]:
    """Open a client of the server at a URL, which need not be up yet; `patience` is seconds for a whole request."""
    connections = ConnectionPool(single_connections(), concurrency)
    try:
        yield HttpReranker(connections, url, model, key, patience, candidates)
    finally:
        await connections.close()


async def _exchanged(transport: httpx.AsyncBaseTransport, request: httpx.Request) -> bytes:
    response = await transport.handle_async_request(request)
    try:
        if not response.is_success:
            pause = seconds_of(response.headers.get("retry-after"), _LONGEST_PAUSE)
            raise RerankerUnavailable(f"it answers with {response.status_code}", retry_after=pause)
        content = bytearray()
        async for chunk in response.aiter_bytes():
            content += chunk
            if len(content) > MAX_ANSWER_BYTES:
                raise RerankerUnavailable(f"it answers more than {MAX_ANSWER_BYTES} bytes")
        return bytes(content)
    finally:
        await response.aclose()


def _relevances(content: bytes, count: int) -> list[float | None]:
    try:
        answer = msgspec.json.decode(content, type=_Relevances)
    except (ValueError, RecursionError) as error:  # no JSON, no text at all, or something else
        raise RerankerUnavailable("its answer has no results") from error
    relevances: list[float | None] = [None] * count
    for result in answer.results:
        if not 0 <= result.index < count or not math.isfinite(result.relevance_score):
            raise RerankerUnavailable("its answer is about something else")
        relevances[result.index] = result.relevance_score
    return relevances
