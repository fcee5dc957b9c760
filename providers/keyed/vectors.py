"""Vectors of memories and questions beside a store of states, by one embedder, as far as it can make them now."""

from collections.abc import Mapping, Sequence

import structlog
from msgspec import Struct

from providers.answers import NO_VECTOR
from providers.embedders.base import OUT_OF_QUOTA, PAUSED, REJECTED, Embedder, EmbedderUnavailable, Vector
from providers.embedders.slicing import slices
from providers.search.entries import Entry
from providers.search.pending import PendingEntry
from providers.search.questions import EmbeddedQuestion, Question
from providers.search.ranking import RANKING_BY_WORDS
from providers.search.weights import VECTORS_WEIGHT
from providers.types import Snapshot

_log = structlog.get_logger(__name__)


class MemoryVector(Struct, frozen=True):
    """What a model has made of a text: float32[dim] of unit length, None where it refuses the text."""

    model: str
    values: Vector | None


class EmbeddedState(Struct, frozen=True):
    """A state as it was read, with its vectors by the model, as many as count."""

    state: Snapshot
    vectors: Mapping[str, Vector]

    @property
    def entry(self) -> PendingEntry:
        """The memory, which must live, as a ranking sees it."""
        record = self.state.record
        return PendingEntry(Entry.of(record, self.state.version, self.vectors), record)


class StateVectors:
    """Make vectors; without an embedder there are none."""

    def __init__(self, embedder: Embedder | None) -> None:
        self._embedder = embedder

    @property
    def model(self) -> str | None:
        """The name of the model, None without an embedder."""
        return None if self._embedder is None else self._embedder.model

    @property
    def ranking(self) -> str:
        """The name of the ranking: that of every store that ranks in this process by the same embedder."""
        return RANKING_BY_WORDS if self.model is None else f"ranked {VECTORS_WEIGHT:g} {self.model}"

    async def of_texts(self, texts: Sequence[str]) -> list[MemoryVector | None]:
        """Return each text's vector, None for what has to do without one for now."""
        if self._embedder is None:
            return [None] * len(texts)
        found: list[MemoryVector | None] = []
        for part in slices(texts, self._embedder.slice_chars):
            some = await self._embedded(self._embedder, part)
            if some is None:
                break
            found += some
        return found + [None] * (len(texts) - len(found))

    async def asked(self, text: str) -> tuple[Question, tuple[str, ...]]:
        """Return a question with its vector, and why the answer is degraded if it has none."""
        plain = Question.of(text)
        if self._embedder is None:
            return plain, ()
        try:
            [vector] = await self._embedder.embed([text])
        except EmbedderUnavailable as error:
            self._note("asked_without_vector", error)
            return plain, (NO_VECTOR,)
        words = await self._embedder.embed_words([word.text for word in plain.words])
        return Question(text, plain.words, {self._embedder.model: EmbeddedQuestion(vector, words)}), ()

    async def _embedded(self, embedder: Embedder, texts: Sequence[str]) -> list[MemoryVector | None] | None:
        """Return what one call has made of texts, None if it has failed; where one is refused, each is asked about."""
        try:
            return [MemoryVector(embedder.model, vector) for vector in await embedder.embed(texts)]
        except EmbedderUnavailable as error:
            self._note("stored_without_vector", error)
            if error.outcome != REJECTED:
                return None
        if len(texts) == 1:
            return [MemoryVector(embedder.model, None)]
        found: list[MemoryVector | None] = []
        for text in texts:
            found += await self._embedded(embedder, [text]) or [None]
        return found

    def _note(self, event: str, error: EmbedderUnavailable) -> None:
        """Warn of failures, but not for every request while the embedder is paused after one."""
        log = _log.debug if error.outcome in {PAUSED, OUT_OF_QUOTA} else _log.warning
        log(event, model=self.model, reason=error.reason)
