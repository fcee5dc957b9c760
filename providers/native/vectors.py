"""Vectors of memories and questions, as far as the embedders can make them now."""

import asyncio
import time
from collections.abc import Callable, Sequence

import structlog
from msgspec import Struct

from providers.answers import NO_VECTOR
from providers.embedders.base import (
    OUT_OF_QUOTA,
    PAUSED,
    REJECTED,
    Embedder,
    EmbedderUnavailable,
    Matrix,
    Vector,
)
from providers.embedders.slicing import slices
from providers.native.rows import NO_EMBEDDING, Embedding

_log = structlog.get_logger(__name__)


class QuestionVectors(Struct, frozen=True, kw_only=True):
    """A question's float32[dim] by embedding model; `degraded` holds the reason if a model has none."""

    vectors: dict[str, Vector]
    degraded: tuple[str, ...]


class Vectors:
    """The current embedder, and former ones whose vectors are still stored.

    `in_two_models` holds until no memory needs a vector of a former model any more. A missing vector never stops
    anything: the memory is stored without one, and the question is answered by its words. A batch of memories has
    `patience` seconds for its vectors, however many calls they take; each embedder limits the time of a single call
    itself.
    """

    def __init__(
        self,
        current: Embedder | None,
        former: Sequence[Embedder],
        patience: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._current, self._former = current, former
        self.in_two_models = current is not None and bool(former)
        self._patience = patience
        self._now = now
        self._all = [current, *former] if current is not None else list(former)

    @property
    def models(self) -> list[str]:
        """The models whose vectors count, the current one first."""
        return [embedder.model for embedder in self._all]

    async def of_memories(self, contents: Sequence[str]) -> list[Embedding]:
        """Return each content's vector in the current model, or none for those that cannot have one in time.

        While the embedder is exchanged (`in_two_models`), there is one in the former model as well.
        """
        if self._current is None:
            return [NO_EMBEDDING] * len(contents)
        if not self.in_two_models:
            return await self._embedded(self._current, contents)
        both = await asyncio.gather(*(self._embedded(one, contents) for one in (self._current, self._former[0])))
        return [Embedding(new.model, new.vector, old.model, old.vector) for new, old in zip(*both, strict=True)]

    async def _embedded(self, embedder: Embedder, contents: Sequence[str]) -> list[Embedding]:
        until = self._now() + self._patience
        embeddings: list[Embedding] = []
        for texts in slices(contents, embedder.slice_chars):
            try:
                # The first has the time of any call, so that it fails by itself if nothing comes.
                vectors = await (self._in_time(embedder, texts, until) if embeddings else embedder.embed(texts))
            except EmbedderUnavailable as error:
                _note("stored_without_vector", embedder.model, error)
                if error.outcome != REJECTED:
                    break
                embeddings += [NO_EMBEDDING] * len(texts)
            else:
                embeddings += [Embedding(embedder.model, vector) for vector in vectors]
        return embeddings + [NO_EMBEDDING] * (len(contents) - len(embeddings))

    async def _in_time(self, embedder: Embedder, texts: Sequence[str], until: float) -> list[Vector]:
        """Embed until a moment at the latest; running out of time is no failure of the embedder, which got less."""
        late = EmbedderUnavailable(f"{self._patience:g} s were not enough for the whole batch")
        left = until - self._now()
        if left <= 0:
            raise late
        try:
            async with asyncio.timeout(left):
                return await embedder.embed(texts)
        except TimeoutError as error:
            raise late from error

    async def of_question(self, question: str) -> QuestionVectors:
        """Return the question's vector in every model that can be reached; all are asked at once."""
        if len(self._all) == 1:  # as nearly always, and then a task would be waste
            vectors = [await _asked(self._all[0], question)]
        else:
            vectors = await asyncio.gather(*(_asked(embedder, question) for embedder in self._all))
        answers = zip(self._all, vectors, strict=True)
        return QuestionVectors(
            vectors={embedder.model: vector for embedder, vector in answers if vector is not None},
            degraded=(NO_VECTOR,) if any(vector is None for vector in vectors) else (),
        )

    async def of_words(self, words: Sequence[str]) -> dict[str, Matrix]:
        """Return the vectors of a question's words, float32[words, dim], in every model that knows single words."""
        found = {embedder.model: await embedder.embed_words(words) for embedder in self._all}
        return {model: vectors for model, vectors in found.items() if vectors is not None}


async def _asked(embedder: Embedder, question: str) -> Vector | None:
    try:
        [vector] = await embedder.embed([question])
    except EmbedderUnavailable as error:
        _note("asked_without_vector", embedder.model, error)
        return None
    return vector


def _note(event: str, model: str, error: EmbedderUnavailable) -> None:
    """Warn of failures, but not for every request while an embedder is paused after one.

    An exhausted quota is not repeated either: the embedder logged it when it was found.
    """
    log = _log.debug if error.outcome in {PAUSED, OUT_OF_QUOTA} else _log.warning
    log(event, model=model, reason=error.reason)
