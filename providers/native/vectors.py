"""Vectors for what is stored and what is asked, as far as the embedders can give them now."""

import asyncio
import time
from collections.abc import Callable, Sequence

import structlog
from msgspec import Struct

from observability import notes
from providers.embedders.base import OUT_OF_QUOTA, PAUSED, REJECTED, Embedder, EmbedderUnavailable, Vector
from providers.native.slices import slices

_log = structlog.get_logger(__name__)


class Embedded(Struct, frozen=True):
    """One vector float32[dim] and the model it is of; both None where there is no vector."""

    model: str | None = None
    vector: Vector | None = None


NO_VECTOR = Embedded()


class Vectors:
    """The current embedder, and the former ones whose vectors are still about.

    A missing vector never stops anything: the memory is stored without one, the question asked by its words. A batch
    of memories has `patience` seconds for its vectors, as many calls as they may take; the embedders look to it
    themselves that a single call takes no longer.
    """

    def __init__(
        self,
        current: Embedder | None,
        former: Sequence[Embedder],
        patience: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._current = current
        self._patience = patience
        self._now = now
        self._all = [current, *former] if current is not None else list(former)

    async def of_memories(self, contents: Sequence[str]) -> list[Embedded]:
        """Give each content's vector in the current model, or none to those that cannot have one within the time."""
        if self._current is None:
            return [NO_VECTOR] * len(contents)
        until = self._now() + self._patience
        embedded: list[Embedded] = []
        for texts in slices(contents):
            try:
                # The first has the time of any call, so that it fails by itself if nothing comes.
                vectors = await (self._in_time(self._current, texts, until) if embedded else self._current.embed(texts))
            except EmbedderUnavailable as error:
                _note("stored_without_vector", self._current.model, error)
                if error.outcome != REJECTED:
                    break
                embedded += [NO_VECTOR] * len(texts)
            else:
                embedded += [Embedded(self._current.model, vector) for vector in vectors]
        return embedded + [NO_VECTOR] * (len(contents) - len(embedded))

    async def _in_time(self, embedder: Embedder, texts: Sequence[str], until: float) -> list[Vector]:
        """Embed, or break off at a moment, which is no failure of an embedder that was not given a call's time."""
        late = EmbedderUnavailable(f"{self._patience:g} s were not enough for the whole batch")
        left = until - self._now()
        if left <= 0:
            raise late
        try:
            async with asyncio.timeout(left):
                return await embedder.embed(texts)
        except TimeoutError as error:
            raise late from error

    async def of_question(self, question: str) -> dict[str, Vector]:
        """Give the question's vector in every model that can be reached; all are asked at once.

        The answer to a question that lacks one is noted to be degraded.
        """
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
        _degrade()
        return None
    return vector


def _degrade() -> None:
    request = notes.current.get()
    if request is not None:
        request.degrade(notes.NO_VECTOR)


def _note(event: str, model: str, error: EmbedderUnavailable) -> None:
    """Warn of failures, but not of every request that comes while the embedder is left alone after one.

    Nor of an empty account again and again, which was told when it was found empty.
    """
    log = _log.debug if error.outcome in {PAUSED, OUT_OF_QUOTA} else _log.warning
    log(event, model=model, reason=error.reason)
