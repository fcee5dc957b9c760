"""Vectors from any server that speaks the OpenAI embeddings API."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from time import perf_counter
from typing import Self

import msgspec
import numpy as np
import openai
from msgspec import Struct

from observability import tracing
from observability.metrics import Metrics
from providers.embedders.base import REJECTED, Embedder, EmbedderUnavailable, Vector
from providers.embedders.settings import OpenAIEmbedderSettings

DEFAULT_BASE_URL = "https://api.openai.com/v1"

# The API takes 8,192 tokens an input, about this much English prose; the rest of a longer text is not embedded.
MAX_INPUT_CHARS = 32_000
# What always fits, since a token is at least one byte: denser texts are cut to it once the server has refused them.
SURE_INPUT_BYTES = 8_000
# The API takes 300,000 tokens a request; a token is at least one byte.
MAX_REQUEST_BYTES = 300_000
# Larger answers are read in a thread; 100 vectors of 1,536 dimensions are 800 kB and took 4 ms.
INLINE_ANSWER_BYTES = 400_000

UNAVAILABLE = "unavailable"
TIMEOUT = "timeout"
THROTTLED = "throttled"
MISCONFIGURED = "misconfigured"
OUTCOMES = ("ok", UNAVAILABLE, TIMEOUT, THROTTLED, MISCONFIGURED, REJECTED, "cancelled")

OUTCOME_OF_ERROR: dict[type[Exception], str] = {
    openai.OpenAIError: UNAVAILABLE,
    openai.APIError: UNAVAILABLE,
    openai.APIConnectionError: UNAVAILABLE,
    openai.APITimeoutError: TIMEOUT,
    openai.APIResponseValidationError: UNAVAILABLE,
    openai.APIStatusError: UNAVAILABLE,
    openai.BadRequestError: REJECTED,
    openai.AuthenticationError: MISCONFIGURED,
    openai.OAuthError: MISCONFIGURED,
    openai.PermissionDeniedError: MISCONFIGURED,
    openai.NotFoundError: MISCONFIGURED,
    openai.ConflictError: UNAVAILABLE,
    openai.UnprocessableEntityError: REJECTED,
    openai.RateLimitError: THROTTLED,
    openai.InternalServerError: UNAVAILABLE,
    openai.LengthFinishReasonError: UNAVAILABLE,
    openai.ContentFilterFinishReasonError: UNAVAILABLE,
    openai.InvalidWebhookSignatureError: UNAVAILABLE,
    openai.WebSocketConnectionClosedError: UNAVAILABLE,
    openai.WebSocketQueueFullError: UNAVAILABLE,
}

# Statuses for which openai has no class of its own; a redirect is never followed, so the base URL is wrong.
_OUTCOME_OF_STATUS = dict.fromkeys((301, 302, 303, 307, 308, 405), MISCONFIGURED) | {408: TIMEOUT, 413: REJECTED}

_HTTP = {"http.request.method": "POST", "url.template": "/embeddings"}

_NO_KEY = "none"  # servers that want no key still want the header

_Row = bytes | list[float]


class _Embedding(Struct):
    index: int
    embedding: _Row  # bytes: float32, little endian, base64 in the JSON


class _Answer(Struct):
    data: list[_Embedding]


_answer = msgspec.json.Decoder(_Answer)


class OpenAIEmbedder(Embedder):
    """Embed over HTTP, with as many requests, one after the other, as the API's limits ask for.

    Nothing is retried, since whoever calls knows whether it is worth waiting; only a request that was rejected goes
    out once more, with its long texts cut.
    """

    def __init__(self, client: openai.AsyncOpenAI, settings: OpenAIEmbedderSettings, metrics: Metrics) -> None:
        dimensions = settings.dimensions
        self.model = f"openai/{settings.model}" + (f"@{dimensions}" if dimensions else "")
        # The raw answer, because the client turns vectors into lists of floats, which takes three times as long.
        self._create = client.embeddings.with_raw_response.create
        self._settings = settings
        self._refusal = _refusal(settings)
        self._durations = {
            outcome: metrics.embedder_duration.labels(embedder="openai", outcome=outcome) for outcome in OUTCOMES
        }

    @classmethod
    @asynccontextmanager
    async def connect(cls, settings: OpenAIEmbedderSettings, metrics: Metrics) -> AsyncIterator[Self]:
        """Hold one client for as long as the context lasts; nothing is sent yet, and a missing key is no error yet."""
        async with _Client(settings) as client:
            yield cls(client, settings, metrics)

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Give one unit-length float32[dim] vector per text, in order; an empty text is embedded as one space.

        Raises:
            EmbedderUnavailable: no vectors; `outcome` is one of `OUTCOMES`, `rejected` when the texts are to blame.
        """
        started = perf_counter()
        try:
            vectors = await self._embed(texts)
        except EmbedderUnavailable as error:
            self._durations[error.outcome].observe(perf_counter() - started)
            raise
        except asyncio.CancelledError:
            self._durations["cancelled"].observe(perf_counter() - started)
            raise
        self._durations["ok"].observe(perf_counter() - started)
        return vectors

    async def _embed(self, texts: Sequence[str]) -> list[Vector]:
        if self._refusal is not None:
            raise EmbedderUnavailable(self._refusal, outcome=MISCONFIGURED)
        vectors: list[Vector] = []
        dimensions = self._settings.dimensions
        with _translated(self._settings.timeout):
            for batch in _batches(texts, self._settings.batch_size):
                vectors += await self._embed_batch(batch, dimensions)
                dimensions = len(vectors[0])
        return vectors

    async def _embed_batch(self, batch: list[str], dimensions: int | None) -> list[Vector]:
        try:
            answer = await self._ask(batch)
        except openai.APIStatusError as error:
            shorter = [_cut(text) for text in batch]
            if _outcome(error) != REJECTED or shorter == batch:
                raise
            answer = await self._ask(shorter)
        if len(answer) <= INLINE_ANSWER_BYTES:
            return _vectors(answer, len(batch), dimensions)
        return await asyncio.to_thread(_vectors, answer, len(batch), dimensions)

    async def _ask(self, batch: list[str]) -> bytes:
        with tracing.span("POST /embeddings", tracing.Kind.CLIENT, _HTTP) as span:
            traceparent = tracing.current.get().traceparent
            try:
                # The client's own timeout starts again with every byte that arrives.
                async with asyncio.timeout(self._settings.timeout):
                    response = await self._create(
                        input=batch,
                        model=self._settings.model,
                        dimensions=self._settings.dimensions or openai.omit,
                        encoding_format="base64",
                        extra_headers=None if traceparent is None else {"traceparent": traceparent},
                    )
            except openai.APIStatusError as error:
                span.set("http.response.status_code", error.status_code)
                raise
            span.set("http.response.status_code", response.status_code)
        return response.content


class _Client(openai.AsyncOpenAI):
    """The official client, without what it would read from the environment by itself."""

    def __init__(self, settings: OpenAIEmbedderSettings) -> None:
        super().__init__(
            api_key=_key(settings) or _NO_KEY,
            base_url=settings.base_url or DEFAULT_BASE_URL,
            timeout=settings.timeout,
            max_retries=0,
            # Texts are private: a redirect would send them where no operator said.
            http_client=openai.DefaultAsyncHttpxClient(
                trust_env=False, follow_redirects=False, timeout=settings.timeout
            ),
        )
        # What is None as an argument is looked up in OPENAI_ORG_ID, OPENAI_PROJECT_ID, OPENAI_ADMIN_KEY,
        # OPENAI_WEBHOOK_SECRET and OPENAI_CUSTOM_HEADERS, so it can only be unset afterwards.
        self.organization = None
        self.project = None
        self.admin_api_key = None
        self.webhook_secret = None
        self._custom_headers = {}


def _key(settings: OpenAIEmbedderSettings) -> str:
    return settings.api_key.reveal() if settings.api_key else ""


def _refusal(settings: OpenAIEmbedderSettings) -> str | None:
    """Say why these settings cannot work, if they cannot."""
    key = _key(settings)
    if not key and not settings.base_url:
        return "no API key is set"
    if not (key.isascii() and key.isprintable()):
        return "the API key holds characters that no HTTP header can carry"
    return None


def _batches(texts: Sequence[str], most: int) -> Iterator[list[str]]:
    """Cut the texts into what one request may hold."""
    batch: list[str] = []
    size = 0
    for text in texts:
        sent = text[:MAX_INPUT_CHARS] or " "  # the API refuses an empty input
        length = len(sent.encode())
        if batch and (len(batch) == most or size + length > MAX_REQUEST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(sent)
        size += length
    if batch:
        yield batch


def _cut(text: str) -> str:
    return text.encode()[:SURE_INPUT_BYTES].decode(errors="ignore")


@contextmanager
def _translated(timeout: float) -> Iterator[None]:
    """Turn every error of the client into `EmbedderUnavailable`; servers are not quoted, as they may quote the text."""
    try:
        yield
    except openai.APIStatusError as error:
        reason = f"the embedding server answered with status {error.status_code}"
        raise EmbedderUnavailable(reason, outcome=_outcome(error)) from error
    except tuple(OUTCOME_OF_ERROR) as error:
        reason = f"the embedding server could not be asked: {type(error).__name__}"
        raise EmbedderUnavailable(reason, outcome=_outcome(error)) from error
    except TimeoutError as error:
        raise EmbedderUnavailable(f"no answer within {timeout:g} s", outcome=TIMEOUT) from error
    except UnicodeEncodeError as error:
        raise EmbedderUnavailable("a text is not valid Unicode", outcome=REJECTED) from error


def _outcome(error: Exception) -> str:
    if isinstance(error, openai.APIStatusError) and error.status_code in _OUTCOME_OF_STATUS:
        return _OUTCOME_OF_STATUS[error.status_code]
    return next(OUTCOME_OF_ERROR[kind] for kind in type(error).__mro__ if kind in OUTCOME_OF_ERROR)


def _vectors(body: bytes, count: int, dimensions: int | None) -> list[Vector]:
    """Read an answer: `count` unit-length float32[dim] vectors in the order of the inputs.

    Raises:
        EmbedderUnavailable: the answer is not what was asked for.
    """
    try:
        data = _answer.decode(body).data
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise EmbedderUnavailable("the answer is not a list of embeddings") from error
    data.sort(key=lambda item: item.index)
    if [item.index for item in data] != list(range(count)):
        raise EmbedderUnavailable(f"the answer does not hold one embedding for each of {count} inputs")
    rows = [_row(item.embedding) for item in data]
    expected = dimensions or len(rows[0])
    if any(len(row) != expected for row in rows):
        raise EmbedderUnavailable(f"the answer holds embeddings that have not {expected} dimensions")
    # In float64, where no square of a float32 overflows; what still does, or is NaN, is caught in the lengths.
    matrix = np.asarray(rows, dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    if not (np.isfinite(lengths) & (lengths > 0)).all():
        raise EmbedderUnavailable("the answer holds embeddings without a direction")
    return list((matrix / lengths).astype(np.float32))


def _row(embedding: _Row) -> Sequence[float] | Vector:
    if isinstance(embedding, list):  # some servers know no base64, and ignore that it was asked for
        return embedding
    if len(embedding) % 4:
        raise EmbedderUnavailable("the answer holds embeddings that are not float32")
    return np.frombuffer(embedding, dtype="<f4")
