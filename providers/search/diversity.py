"""Diverse answers: maximal marginal relevance among the best ones.

Source: Carbonell and Goldstein, "The Use of MMR, Diversity-Based Reranking" (1998).
"""

import numpy as np
from numpy.typing import NDArray

from providers.search.packed_rows import Rows
from providers.search.user_index import UserIndex

Matrix = NDArray[np.float32]


def diverse(index: UserIndex, candidates: Rows, order: NDArray[np.float32], limit: int, diversity: float) -> Rows:
    """Choose up to `limit` of the candidates, one after the other.

    The next one has the greatest (1 - diversity) * order / best order - diversity * cosine with the nearest one chosen.
    """
    if not len(candidates):
        return candidates
    alike = _alike(index, candidates)
    worth = (1 - diversity) * order[candidates] / max(float(order[candidates].max()), 1e-9)
    nearest = np.zeros(len(candidates), np.float32)
    chosen: list[int] = []
    left = np.ones(len(candidates), np.bool_)
    while len(chosen) < min(limit, len(candidates)):
        gains = np.where(left, worth - diversity * nearest, -np.inf)
        best = int(gains.argmax())
        chosen.append(best)
        left[best] = False
        nearest = np.maximum(nearest, alike[best])
    return candidates[chosen]


def _alike(index: UserIndex, rows: Rows) -> Matrix:
    """Return the cosine of each pair: of their vectors, where all have one of the same model, else of their terms."""
    for planes in index.planes.values():
        places = planes.places_of(rows)
        if (places >= 0).all():
            vectors = planes.of(places)
            return np.asarray(np.maximum(vectors @ vectors.T, 0.0), np.float32)
    terms = index.terms_of(rows)
    shared = terms @ terms.T
    lengths = np.sqrt(np.maximum(shared.diagonal(), 1.0))
    return np.asarray(shared / lengths[:, None] / lengths, np.float32)
