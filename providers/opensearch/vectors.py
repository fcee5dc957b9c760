"""Vectors of memories and questions in an index, by one embedder, as far as it can make them now.

A document has its vector twice: in a field that the server computes scores with, whose values not every server returns,
and as bytes for the ranking of this process, in half precision, as PostgreSQL has them: so both rank alike. It names
the model that has made it, so that vectors of another model count no more than none.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from providers.embedders.base import Embedder, EmbedderUnavailable, Vector
from providers.keyed.vectors import MemoryVector, StateVectors
from providers.opensearch.extra import ELASTICSEARCH

VECTOR, BYTES, MODEL = "vector", "vector_bytes", "embedded"
EMBEDDED_SOURCE = ("state", BYTES, MODEL)

_HALF = "<f2"
_PROBE = "tea"
_REFUSED = "!"  # before the model that has refused a text
_DIMENSIONS = {"knn_vector": "dimension", "dense_vector": "dims"}


class IndexVectors(StateVectors):
    """Make vectors, and say how the server is told of them; without an embedder there are none.

    `kept` holds as soon as the index has the fields for them: before that no document may have any.
    """

    def __init__(self, embedder: Embedder | None) -> None:
        super().__init__(embedder)
        self.kept = False
        self._dimensions: int | None = None
        self._server = ""

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
        return await super().of_texts(texts) if self.kept else [None] * len(texts)

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


def fields_of(vector: MemoryVector) -> dict[str, Any]:
    """Return the fields of a document with a vector."""
    if vector.values is None:
        return {MODEL: _REFUSED + vector.model}
    half = vector.values.astype(_HALF)
    return {MODEL: vector.model, VECTOR: half.tolist(), BYTES: b64encode(half.tobytes()).decode()}


def dimensions_of(field: Mapping[str, Any]) -> int | None:
    """Return of how many dimensions the vectors of a field are, None if it is none of vectors."""
    name = _DIMENSIONS.get(str(field.get("type")))
    return None if name is None else field.get(name)
