"""Vectors of memories and questions in an index, by one embedder, as far as it can make them now.

A document has its vector twice: in a field that the server computes scores with, whose values not every server returns,
and as bytes for the ranking of this process, in half precision, as PostgreSQL has them: so both rank alike. It names
the model that has made it, so that vectors of another model count no more than none.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import structlog
from msgspec import Struct

from providers.answers import NO_VECTOR
from providers.embedders.base import OUT_OF_QUOTA, PAUSED, REJECTED, Embedder, EmbedderUnavailable, Vector
from providers.embedders.slicing import slices
from providers.opensearch.extra import ELASTICSEARCH
from providers.search.entries import Entry
from providers.search.pending import PendingEntry
from providers.search.questions import EmbeddedQuestion, Question
from providers.types import Snapshot

VECTOR, BYTES, MODEL = "vector", "vector_bytes", "embedded"
EMBEDDED_SOURCE = ("state", BYTES, MODEL)

_HALF = "<f2"
_PROBE = "tea"
_REFUSED = "!"  # before the model that has refused a text
_DIMENSIONS = {"knn_vector": "dimension", "dense_vector": "dims"}

_log = structlog.get_logger(__name__)


class MemoryVector(Struct, frozen=True):
    """What a model has made of a text: float32[dim] of unit length, None where it refuses the text."""

    model: str
    values: Vector | None

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of a document."""
        if self.values is None:
            return {MODEL: _REFUSED + self.model}
        half = self.values.astype(_HALF)
        return {MODEL: self.model, VECTOR: half.tolist(), BYTES: b64encode(half.tobytes()).decode()}


class EmbeddedState(Struct, frozen=True):
    """A live state as it was read, with its vectors by the model, as many as count."""

    state: Snapshot
    vectors: Mapping[str, Vector]

    @property
    def entry(self) -> PendingEntry:
        """The memory as a ranking sees it."""
        record = self.state.record
        return PendingEntry(Entry.of(record, self.state.version, self.vectors), record)


class IndexVectors:
    """Make vectors, and say how the server is told of them; without an embedder there are none.

    `kept` holds as soon as the index has the fields for them: before that no document may have any.
    """

    def __init__(self, embedder: Embedder | None) -> None:
        self._embedder = embedder
        self.kept = False
        self._dimensions: int | None = None
        self._server = ""

    @property
    def model(self) -> str | None:
        """The name of the model, None without an embedder."""
        return None if self._embedder is None else self._embedder.model

    @property
    def settled(self) -> list[str]:
        """What documents name that need no other vector."""
        return [] if self.model is None else [self.model, _REFUSED + self.model]

    async def field(self, server: str) -> dict[str, Any] | None:
        """Return the field for vectors that an index of a server needs; None as long as nobody knows of which size."""
        self._server = server
        if self._embedder is None:
            return None
        if self._dimensions is None:
            try:
                [probe] = await self._embedder.embed([_PROBE])
            except EmbedderUnavailable as error:
                self._note("stored_without_vector", error)
                return None
            self._dimensions = len(probe)
        if server == ELASTICSEARCH:
            return {"type": "dense_vector", "dims": self._dimensions, "index": False}
        return {"type": "knn_vector", "dimension": self._dimensions}

    async def of_texts(self, texts: Sequence[str]) -> list[MemoryVector | None]:
        """Return each text's vector, None for what has to do without one for now."""
        if self._embedder is None or not self.kept:
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

    def in_source(self, source: Mapping[str, Any]) -> dict[str, Vector]:
        """Return the vectors in a document that count."""
        if self.model is None or source.get(MODEL) != self.model:
            return {}
        return {self.model: np.frombuffer(b64decode(source[BYTES]), _HALF).astype(np.float32)}

    def nearest(self, among: Mapping[str, Any], vector: Vector) -> dict[str, Any]:
        """Return the query that scores each of some documents, all of which have a vector, by the cosine with one."""
        values = vector.tolist()
        if self._server == ELASTICSEARCH:
            source = f"cosineSimilarity(params.asked, '{VECTOR}') + 1.0"
            script: dict[str, Any] = {"source": source, "params": {"asked": values}}
        else:
            params = {"field": VECTOR, "query_value": values, "space_type": "cosinesimil"}
            script = {"lang": "knn", "source": "knn_score", "params": params}
        return {"script_score": {"query": among, "script": script}}

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


def dimensions_of(field: Mapping[str, Any]) -> int | None:
    """Return of how many dimensions the vectors of a field are, None if it is none of vectors."""
    name = _DIMENSIONS.get(str(field.get("type")))
    return None if name is None else field.get(name)
