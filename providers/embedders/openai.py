"""The embedder for servers with the OpenAI embeddings API."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Self

import openai

from observability import tracing
from observability.metrics import Metrics
from providers.embedders.base import MISCONFIGURED, REJECTED, Embedder, EmbedderUnavailable, Vector
from providers.embedders.openai_answers import vectors_in
from providers.embedders.openai_client import Client, refusal_of
from providers.embedders.openai_failures import OUTCOMES, TextRefused, translated
from providers.embedders.options import OpenAIOptions
from providers.embedders.shortening import MOST_CUTS, beginning
from providers.embedders.timed import TimedCalls

# The API takes 8,192 tokens an input, about this much English prose; the rest of a longer text is not embedded.
MAX_INPUT_CHARS = 32_000
# The API takes 300,000 tokens a request; a token is at least one byte.
MAX_REQUEST_BYTES = 300_000
# Larger answers are read in a thread; 100 vectors of 1,536 dimensions are 800 kB and took 4 ms.
INLINE_ANSWER_BYTES = 400_000

# Every model takes this text, so where it is refused no text is to blame.
PROBE = "hello"
# Within this time after a text was taken, a refused text is to blame without a probe.
PROOF_SECONDS = 30.0

_TAKES_NO_TEXT = "look at model, dimensions and base_url of the embedder, and at the log of its server"
_HTTP = {"http.request.method": "POST", "url.template": "/embeddings"}


class OpenAIEmbedder(Embedder):
    """Embed over HTTP, with as many requests, one after the other, as the API's limits require.

    Failures are not retried, because the caller knows whether waiting pays. Only what is refused for its length is sent
    again: a batch in halves, until the text that is too long is found, and then a beginning of that text.
    """

    def __init__(
        self,
        client: openai.AsyncOpenAI,
        options: OpenAIOptions,
        metrics: Metrics,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        dimensions = options.dimensions
        self.model = f"openai/{options.model}" + (f"@{dimensions}" if dimensions else "")
        # The raw answer, because the client turns vectors into lists of floats, which takes three times as long.
        self._create = client.embeddings.with_raw_response.create
        self._options = options
        self._refusal = refusal_of(options)
        self._now = now
        self._proved_until = 0.0
        self._calls = TimedCalls(metrics, "openai", OUTCOMES)

    @classmethod
    @asynccontextmanager
    async def connect(cls, options: OpenAIOptions, metrics: Metrics) -> AsyncIterator[Self]:
        """Hold one client while the context lasts; nothing is sent yet, and a missing key is no error yet."""
        async with Client(options) as client:
            yield cls(client, options, metrics)

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Return one unit-length float32[dim] vector per text, in order; an empty text is embedded as one space.

        Raises:
            EmbedderUnavailable: there are no vectors; `outcome` is one of `OUTCOMES`, `rejected` if the texts
                are the cause.
        """
        with self._calls.timed():
            return await self._embed(texts)

    async def _embed(self, texts: Sequence[str]) -> list[Vector]:
        if self._refusal is not None:
            raise EmbedderUnavailable(self._refusal, outcome=MISCONFIGURED)
        vectors: list[Vector] = []
        for batch in _batches(texts, self._options.batch_size):
            vectors += await self._embed_batch(batch)
        if len({len(vector) for vector in vectors}) > 1:
            raise EmbedderUnavailable("the answers hold embeddings of different dimensions")
        return vectors

    async def _embed_batch(self, batch: list[str]) -> list[Vector]:
        try:
            return await self._ask(batch)
        except TextRefused as refusal:
            await self._prove(refusal)
            if len(batch) == 1:
                return [await self._embed_beginning(batch[0], refusal)]
            if not refusal.too_long:
                raise
        middle = len(batch) // 2
        return await self._embed_batch(batch[:middle]) + await self._embed_batch(batch[middle:])

    async def _embed_beginning(self, text: str, refusal: TextRefused) -> Vector:
        """Embed as much of a text as the server takes, whatever reason it gives: not all servers name the length."""
        fits = refusal.fits
        for _ in range(MOST_CUTS):
            if (shorter := beginning(text, fits)) is None:
                break
            text, fits = shorter, None  # a stated limit may be wrong; halving comes to an end
            try:
                [vector] = await self._ask([text])
            except TextRefused as error:
                refusal = error
            else:
                return vector
        raise refusal

    async def _prove(self, refusal: TextRefused) -> None:
        """Blame a text only if the server takes another; raise `EmbedderUnavailable` if it takes none, or none now."""
        if self._now() < self._proved_until:
            return
        try:
            await self._ask([PROBE])
        except TextRefused as error:
            reason = f"{refusal.reason}, and takes no other text either"
            raise EmbedderUnavailable(reason, outcome=MISCONFIGURED, advice=_TAKES_NO_TEXT) from error

    async def _ask(self, batch: list[str]) -> list[Vector]:
        answer = await self._request(batch)
        read = partial(vectors_in, answer, len(batch), self._options.dimensions)
        vectors = read() if len(answer) <= INLINE_ANSWER_BYTES else await asyncio.to_thread(read)
        self._proved_until = self._now() + PROOF_SECONDS
        return vectors

    async def _request(self, batch: list[str]) -> bytes:
        with translated(self._options.timeout), tracing.span("POST /embeddings", tracing.Kind.CLIENT, _HTTP) as span:
            traceparent = tracing.current.get().traceparent
            try:
                # The client's own timeout starts again with every byte that arrives.
                async with asyncio.timeout(self._options.timeout):
                    response = await self._create(
                        input=batch,
                        model=self._options.model,
                        dimensions=self._options.dimensions or openai.omit,
                        encoding_format="base64",
                        extra_headers=None if traceparent is None else {"traceparent": traceparent},
                    )
            except openai.APIStatusError as error:
                span.set("http.response.status_code", error.status_code)
                raise
            span.set("http.response.status_code", response.status_code)
        return response.content


def _batches(texts: Sequence[str], most: int) -> Iterator[list[str]]:
    """Split the texts into the batches that one request may hold."""
    batch: list[str] = []
    size = 0
    for text in texts:
        sent = text[:MAX_INPUT_CHARS] or " "  # the API refuses an empty input
        length = _bytes_of(sent)
        if batch and (len(batch) == most or size + length > MAX_REQUEST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(sent)
        size += length
    if batch:
        yield batch


def _bytes_of(text: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError as error:
        raise EmbedderUnavailable("a text is not valid Unicode", outcome=REJECTED) from error
