"""The decoding of an embeddings API's answers: one unit vector for each input, in order."""

from collections.abc import Sequence

import msgspec
import numpy as np
from msgspec import Struct

from providers.embedders.base import MISCONFIGURED, EmbedderUnavailable, Vector
from providers.embedders.openai_failures import TextRefused

_Row = bytes | list[float]


class _Embedding(Struct):
    index: int
    embedding: _Row  # bytes: float32, little endian, base64 in the JSON


class _EmbeddingsAnswer(Struct):
    data: list[_Embedding]


_answer = msgspec.json.Decoder(_EmbeddingsAnswer)


def vectors_in(body: bytes, count: int, dimensions: int | None) -> list[Vector]:
    """Return the `count` unit-length float32[dim] vectors of an answer, in the order of the inputs.

    `dimensions` are those that were requested, None if the model decides.

    Raises:
        TextRefused: the server returned nothing usable for at least one of the inputs.
        EmbedderUnavailable: the answer does not match the request.
    """
    try:
        data = _answer.decode(body).data
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise EmbedderUnavailable("the answer is not a list of embeddings") from error
    data.sort(key=lambda item: item.index)
    if [item.index for item in data] != list(range(count)):
        raise EmbedderUnavailable(f"the answer does not hold one embedding for each of {count} inputs")
    rows = [_row(item.embedding) for item in data]
    found = {len(row) for row in rows}
    if len(found) > 1:
        raise EmbedderUnavailable("the answer holds embeddings of different dimensions")
    if dimensions and found != {dimensions}:
        raise EmbedderUnavailable(
            f"the model makes {len(rows[0])} dimensions, but {dimensions} are configured",
            outcome=MISCONFIGURED,
            advice="correct or remove embedder.dimensions, or take a model that can shorten its vectors",
        )
    # In float64, where no square of a float32 overflows; what still does, or is NaN, is caught in the lengths.
    matrix = np.asarray(rows, dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    if not (np.isfinite(lengths) & (lengths > 0)).all():
        raise TextRefused("the answer holds embeddings without a direction")
    return list((matrix / lengths).astype(np.float32))


def _row(embedding: _Row) -> Sequence[float] | Vector:
    if isinstance(embedding, list):  # some servers know no base64, and ignore that it was asked for
        return embedding
    if len(embedding) % 4:
        raise EmbedderUnavailable("the answer holds embeddings that are not float32")
    return np.frombuffer(embedding, dtype="<f4")
