"""The ranking of one user's memories, whichever provider keeps them.

    score = .2 max(cos(q, m), 0) + .3 max(cos(w, m), 0) + .5 words(q, m)     w = sum of idf(word) * vector(word)
    words = sum of matched idf / sum of all idf                              Robertson and Zaragoza, "The Probabilistic
            * (1 + k1 (1 - b)) / (1 + k1 (1 - b + b len / avg len))          Relevance Framework: BM25 and Beyond"
    idf(t) = ln(1 + (N - df(t) + 0.5) / (df(t) + 0.5))                       (2009), with tf = 1, scaled into [0, 1]

Both cosines are one inner product, with .2 q / |q| + .3 w / |w|, so that it is their sum that is kept from falling
below zero. Without vectors of words the plain cosine has their weight, too; without a vector on either side `words` are
the score, and without words in the question the cosine is. The same text as the question's scores 1.

The order adds what says nothing about the pair alone: the scores of the neighbours in time (.2 of those one step away,
.1 of those two away), the speaker whom the question names (.1), and recency where it is asked for.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from providers.search.diversity import diverse
from providers.search.explaining import explained
from providers.search.matching import Matched, match, word_part, word_vector
from providers.search.packed_rows import Rows
from providers.search.questions import EmbeddedQuestion, Hit, Ordering, Question, Recency, ScoreParts, Vector
from providers.search.speakers import NOBODY
from providers.search.stored_analysis import fingerprint
from providers.search.user_index import UserIndex, microseconds
from providers.search.weights import (
    COSINE_SHARE,
    NEIGHBOUR_WEIGHTS,
    SPEAKER_WEIGHT,
    WORD_COSINE_SHARE,
)

Scores = NDArray[np.float32]
Mask = NDArray[np.bool_]

# What stores that rank alone by this name return for the same memories is the same, in the same order.
RANKING_BY_WORDS = "words, neighbours, speaker"

RESCORED = 256  # the best by the coarse plane of the vectors, which are scored again by both

_COARSE_ERROR = 0.002  # of a score by one plane
_CHOICE = 5  # answers among which diverse ones are chosen, as a multiple of the limit
_LEAST = 1e-6  # a score above zero, and above what rounding leaves of it
_MICROSECONDS = 1_000_000


class Ranked(Struct, frozen=True):
    """The hits, best first, and about how many memories have a score that is high enough."""

    hits: list[Hit]
    matching: int


def rank(index: UserIndex, question: Question, ordering: Ordering, admitted: Mask | None = None) -> Ranked:
    """Return the best answers, best first, then newest first.

    `admitted` tells for each row of the index whether it may be an answer, all of them if it is None. A memory that may
    not be one still counts as a neighbour, and in how rare a word is.
    """
    matched = match(index, question)
    pairs = _Pairs(index, question, matched, ordering.vectors_weight)
    raised = {
        "neighbours": _lent(index, pairs.scores),
        "speaker": _named(index, question.text),
        "recency": _recent(index, ordering.recency),
    }
    eligible = index.columns.alive if admitted is None else index.columns.alive & admitted
    least = max(_LEAST, ordering.min_score)
    gained = sum(raised.values(), np.zeros(len(eligible), np.float32))
    candidates = np.flatnonzero(eligible & (pairs.scores >= least - _COARSE_ERROR))
    wanted = _CHOICE * ordering.limit if ordering.diversity else ordering.limit
    best = _best(candidates, pairs.scores + gained, max(RESCORED, wanted))
    best = best[_within_reach(pairs.scores[best], (pairs.scores + gained)[best], least, wanted)]
    pairs.score_exactly(best)
    best = best[pairs.scores[best] >= least]
    order = pairs.scores + gained
    columns = index.columns
    best = best[np.lexsort((~columns.low[best], ~columns.high[best], -columns.created[best], -order[best]))]
    if ordering.diversity:
        best = diverse(index, best[: _CHOICE * ordering.limit], order, ordering.limit, ordering.diversity)
    best = best[: ordering.limit]
    explanations: Sequence[ScoreParts | None] = [None] * len(best)
    if ordering.explain:
        explanations = explained(index, question, matched, best, raised)
    hits = [
        Hit(
            id=columns.id_of(row),
            row=int(row),
            score=float(pairs.scores[row]),
            order=float(order[row]),
            exact=bool(pairs.exact[row]),
            explanation=explanation,
        )
        for row, explanation in zip(best, explanations, strict=True)
    ]
    return Ranked(hits, len(candidates))


class _Pairs:
    """What each memory is worth with the question alone, float32[rows] in [0, 1]."""

    def __init__(self, index: UserIndex, question: Question, matched: Matched, vectors_weight: float) -> None:
        self._index = index
        self._weight = vectors_weight if matched.idfs else 1.0
        self._words = word_part(index, matched)
        self._vectors = {
            model: _combined(vectors, matched)
            for model, vectors in question.vectors.items()
            if model in index.planes and index.planes[model].dims == len(vectors.text)
        }
        self.exact: Mask = index.columns.alive & (index.columns.content == fingerprint(question.text))
        self.scores: Scores = self._words.copy()
        for model, vector in self._vectors.items():
            planes = index.planes[model]
            self._set(planes.rows, planes.scan(vector))
        self.scores[self.exact] = 1.0

    def score_exactly(self, rows: Rows) -> None:
        """Score some rows by both planes of their vectors."""
        for model, vector in self._vectors.items():
            planes = self._index.planes[model]
            places = planes.places_of(rows)
            there = places >= 0
            # A matrix product may round a row otherwise when there are other rows beside it, and a least score that
            # was read off an answer is to be met by that memory again.
            self._set(rows[there], np.einsum("ij,j->i", planes.of(places[there]), vector))
        self.scores[self.exact] = 1.0

    def _set(self, rows: NDArray[np.signedinteger], products: Scores) -> None:
        np.clip(products, 0.0, 1.0, out=products)
        self.scores[rows] = self._weight * products + (1 - self._weight) * self._words[rows]


def _combined(vectors: EmbeddedQuestion, matched: Matched) -> Vector:
    """Return the vector whose inner product with a memory's is the share of both cosines."""
    words = word_vector(vectors, matched)
    return vectors.text if words is None else COSINE_SHARE * vectors.text + WORD_COSINE_SHARE * words


def _lent(index: UserIndex, scores: Scores) -> Scores:
    """Return what the neighbours of each row add to its order."""
    lent = np.zeros(len(scores), np.float32)
    for (rows, others), weight in zip(index.pairs(), NEIGHBOUR_WEIGHTS, strict=True):
        # Each row stands once on either side of the pairs of one step, so that nothing is added twice.
        lent[rows] += weight * scores[others]
        lent[others] += weight * scores[rows]
    return lent


def _named(index: UserIndex, question: str) -> Scores:
    """Return what it adds to be the words of the only speaker whom the question names."""
    speaker = index.speakers.named_in(question)
    if speaker == NOBODY:
        return np.zeros(len(index.columns), np.float32)
    return np.where(index.columns.speaker == speaker, np.float32(SPEAKER_WEIGHT), np.float32(0))


def _recent(index: UserIndex, recency: Recency | None) -> Scores:
    """Return what the age of each row leaves of the weight of recency; the future is now."""
    created = index.columns.created
    if recency is None:
        return np.zeros(len(created), np.float32)
    seconds = np.maximum(microseconds(recency.now) - created, 0) / _MICROSECONDS
    return np.asarray(recency.weight * np.exp2(-seconds / recency.half_life), np.float32)


def _within_reach(scores: Scores, order: Scores, least: float, wanted: int) -> Mask:
    """Return which rows may be among as many answers, although their scores are off by the error of one plane.

    Those whose score may turn out too low leave room for others, so the others are counted without them.
    """
    surely = order[scores >= least + _COARSE_ERROR]
    if len(surely) <= wanted:
        return np.ones(len(order), np.bool_)
    bound = np.partition(surely, len(surely) - wanted)[len(surely) - wanted]
    reach: Mask = order >= bound - 2 * _COARSE_ERROR
    return reach


def _best(candidates: Rows, order: Scores, most: int) -> Rows:
    if len(candidates) <= most:
        return candidates
    return candidates[np.argpartition(order[candidates], -most)[-most:]]
