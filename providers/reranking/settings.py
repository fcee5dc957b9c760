"""The settings of rerankers, and how each kind is opened."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated

from msgspec import Meta, Struct

from observability.secret import Secret
from providers.reranking.base import Reranker

MOST_CANDIDATES = 1_000
HttpUrl = Annotated[
    str,
    Meta(
        pattern=r"^https?://(\[[0-9A-Fa-f:.]+\]|[^/?#@\s:\[\]]+)(:[0-9]{1,5})?(/[^?#\s]*)?\Z",
        description="the URL that is posted to, as https://api.jina.ai/v1/rerank",
    ),
]


class RerankerKind(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """The base of the settings of a kind of reranker."""

    def open(self) -> AbstractAsyncContextManager[Reranker | None]:
        """Hold the reranker open for as long as the context lasts."""
        raise NotImplementedError


class NoRerankerSettings(RerankerKind, frozen=True, kw_only=True, tag="none"):
    """Answers keep the order of the ranking. Choose it where recall is good enough, or must be fast."""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Reranker | None]:
        """Open nothing."""
        yield None


class HttpRerankerSettings(RerankerKind, frozen=True, kw_only=True, tag="http"):
    """Any server that takes `POST .../rerank` as Cohere's and Jina's do. Choose it for better orders."""

    url: HttpUrl
    """The URL that is posted to, the whole of it. Change it to that of your reranker."""
    model: Annotated[str, Meta(min_length=1)] | None = None
    """The model that is asked for. Set it where the server has several."""
    api_key: Secret | None = None
    """The key for the server. Set it where it asks for one."""
    timeout: Annotated[float, Meta(ge=0.01, le=30)] = 0.5
    """The seconds for a request; an answer that is not there by then keeps its order. Raise it where a better order is
    worth the wait.
    """
    candidates: Annotated[int, Meta(ge=2, le=MOST_CANDIDATES)] = 50
    """How many of the best memories are sent with the question. Raise it where good memories stand too low to be sent,
    at the price of time.
    """
    concurrency: Annotated[int, Meta(ge=1, le=1_000)] = 8
    """The simultaneous requests of one process. Raise it as far as the reranker allows."""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Reranker | None]:
        """Hold connections while the context lasts; nothing is sent yet."""
        from providers.reranking.http import open_reranker

        async with open_reranker(
            self.url,
            model=self.model,
            key=self.api_key,
            patience=self.timeout,
            candidates=self.candidates,
            concurrency=self.concurrency,
        ) as reranker:
            yield reranker


RerankerSettings = HttpRerankerSettings | NoRerankerSettings
