"""Vectors for what is stored and what is asked, as far as the embedders can give them now."""

import asyncio
from collections.abc import Sequence

import structlog
from msgspec import Struct

from providers.embedders.base import PAUSED, Embedder, EmbedderUnavailable, Vector

_log = structlog.get_logger(__name__)


class Embedded(Struct, frozen=True):
    """One vector float32[dim] and the model it is of; both None where there is no vector."""

    model: str | None = None
    vector: Vector | None = None


NO_VECTOR = Embedded()


class Vectors:
    """The current embedder, and the former ones whose vectors are still about.

    A missing vector never stops anything: the memory is stored without one, the question asked by its words.
    """

    def __init__(self, current: Embedder | None, former: Sequence[Embedder] = ()) -> None:
        self._current = current
        self._all = [current, *former] if current is not None else list(former)

    @property
    def wanted(self) -> bool:
        """Whether memories are to have vectors at all."""
        return self._current is not None

    async def of_memories(self, contents: Sequence[str]) -> list[Embedded]:
        """Give each content's vector in the current model, or no vector for any of them."""
        if self._current is None or not contents:
            return [NO_VECTOR] * len(contents)
        try:
            vectors = await self._current.embed(contents)
        except EmbedderUnavailable as error:
            _note("stored_without_vector", self._current.model, error)
            return [NO_VECTOR] * len(contents)
        return [Embedded(self._current.model, vector) for vector in vectors]

    async def of_question(self, question: str) -> dict[str, Vector]:
        """Give the question's vector in every model that can be reached; all are asked at once."""
        if len(self._all) == 1:  # as nearly always, and then a task would be waste
            vectors = [await _asked(self._all[0], question)]
        else:
            vectors = await asyncio.gather(*(_asked(embedder, question) for embedder in self._all))
        return {
            embedder.model: vector for embedder, vector in zip(self._all, vectors, strict=True) if vector is not None
        }


async def _asked(embedder: Embedder, question: str) -> Vector | None:
    try:
        [vector] = await embedder.embed([question])
    except EmbedderUnavailable as error:
        _note("asked_without_vector", embedder.model, error)
        return None
    return vector


def _note(event: str, model: str, error: EmbedderUnavailable) -> None:
    """Warn of failures, but not of every request that comes while the embedder is left alone after one."""
    log = _log.debug if error.outcome == PAUSED else _log.warning
    log(event, model=model, reason=error.reason)
