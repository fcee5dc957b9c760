"""The ranking of one user's memories, whichever provider keeps them.

    score = .2 max(cos(q, m), 0) + .3 max(cos(w, m), 0) + .5 words(q, m)     w = sum of idf(word) * vector(word)
    words = sum of matched idf / sum of all idf                              Robertson and Zaragoza, "The Probabilistic
            * (1 + k1 (1 - b)) / (1 + k1 (1 - b + b len / avg len))          Relevance Framework: BM25 and Beyond"
    idf(t) = ln(1 + (N - df(t) + 0.5) / (df(t) + 0.5))                       (2009), with tf = 1, scaled into [0, 1]

Both cosines are one inner product, with .2 q / |q| + .3 w / |w|, so that it is their sum that is kept from falling
below zero. Without vectors of words the plain cosine has their weight, too. Words that the model does not know, as in
scripts that it reads letter by letter, have no share in w, whose weight goes to `words` as far as they tell. Without a
vector on either side `words` are the score, and without words in the question the cosine is. The same text as the
question's scores 1.

The order adds what says nothing about the pair alone: how far the scores of the neighbours in time are above the mean
(.2 of those one step away, .1 of those two away), so that a memory at the end of a conversation lacks nothing; the
speaker whom the question names (.1); and recency where it is asked for. Neighbours decide from the second place on:
they show where the answer was talked about, and the best memory without them is no worse for standing alone.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from providers.search.diversity import diverse
from providers.search.explaining import Places, explained
from providers.search.explanations import Considered, HitExplanation
from providers.search.matching import NO_WORDS, Matched, match, of_words, word_part
from providers.search.moments import microseconds
from providers.search.packed_rows import Rows
from providers.search.questions import EmbeddedQuestion, Hit, Ordering, Question, Vector
from providers.search.recency import Recency
from providers.search.several_models import by_coverage
from providers.search.shortlist import COARSE_ERROR, Rough, best_by_order, shortlist
from providers.search.speakers import NOBODY
from providers.search.stored_analysis import fingerprint
from providers.search.user_index import UserIndex
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

RESCORED = 256  # the best by the coarse plane of the vectors, which are scored again by both to explain their places

_CHOICE = 5  # answers among which diverse ones are chosen, as a multiple of the limit
_LEAST = 1e-6  # a score above zero, and above what rounding leaves of it
_MICROSECONDS = 1_000_000


class Ranked(Struct, frozen=True):
    """The hits, best first, and what was looked at; about how many scores are too low, of very many memories.

    `approximate` tells that more memories were near each other than are scored exactly.
    """

    hits: list[Hit]
    considered: Considered
    approximate: bool = False


def rank(index: UserIndex, question: Question, ordering: Ordering, admitted: Mask | None = None) -> Ranked:
    """Return the best answers, best first, then newest first.

    `admitted` tells for each row of the index whether it may be an answer, all of them if it is None. A memory that may
    not be one still counts as a neighbour, and in how rare a word is.
    """
    question = replace(question, vectors=by_coverage(index, question.vectors))
    matched = NO_WORDS if ordering.alike else match(index, question)
    pairs = _Pairs(index, question, matched, ordering.vectors_weight)
    lent, named, recent = (
        _lent(index, pairs.scores, ordering),
        _named(index, question, ordering),
        _recent(index, ordering.recency),
    )
    alone = named + recent
    eligible = index.columns.alive if admitted is None else index.columns.alive & admitted
    least = max(_LEAST, ordering.min_score)
    candidates = (eligible & (pairs.scores >= least - pairs.error)).nonzero()[0]
    wanted = _CHOICE * ordering.limit if ordering.diversity else ordering.limit
    rough = Rough(
        scores=pairs.scores, own=pairs.scores + alone, lent=lent, created=index.columns.created, error=pairs.error
    )
    short = shortlist(rough, candidates, least, wanted)
    best = short.rows
    if ordering.explain:  # which tells places by the score, so that more scores must be right
        best = np.union1d(best, best_by_order(rough, candidates, RESCORED))
    pairs.score_exactly(best)
    best = best[pairs.scores[best] >= least]
    own = pairs.scores + alone
    order = own + lent
    best = _sorted(index, best, order)
    if len(best):
        leader = _first(index, best, own)
        if leader != best[0]:
            order[leader] = order[best[0]]
            best = np.concatenate(((leader,), best[best != leader]))
    if ordering.diversity:
        best = diverse(index, best[: _CHOICE * ordering.limit], order, ordering.limit, ordering.diversity)
    best = best[: ordering.limit]
    explanations: Sequence[HitExplanation | None] = [None] * len(best)
    if ordering.explain:
        gained = {"neighbours": lent, "speaker": named, "recency": recent}
        places = Places(eligible=eligible, exact=pairs.exact, scores=pairs.scores, gained=gained, order=order)
        explanations = explained(index, question, matched, best, places)
    parts = best, pairs.scores[best], order[best], pairs.exact[best]
    hits = [
        Hit(id=id_, row=row, score=score, order=by, exact=exact, explanation=explanation)
        for id_, row, score, by, exact, explanation in zip(
            index.columns.ids_of(best), *(part.tolist() for part in parts), explanations, strict=True
        )
    ]
    able = int(np.count_nonzero(eligible))
    low = able - len(candidates)
    there = len(index) - _count_expired(index, ordering)
    considered = Considered(memories=there, filtered=there - able, below_min_score=low)
    return Ranked(hits, considered, approximate=short.approximate)


def _count_expired(index: UserIndex, ordering: Ordering) -> int:
    """Return how many memories of the index have expired: they are hidden, and not filtered."""
    if ordering.now is None or not index.mortal:
        return 0
    return int(np.count_nonzero(index.columns.alive & (index.columns.expires <= microseconds(ordering.now))))


class _Pairs:
    """What each memory is worth with the question alone, float32[rows] in [0, 1]."""

    def __init__(self, index: UserIndex, question: Question, matched: Matched, vectors_weight: float) -> None:
        self._index = index
        self._weight = vectors_weight if matched.idfs else 1.0
        self._words = word_part(index, matched)
        # In this order: of a memory with vectors of two models the last one counts.
        self._vectors = {model: _of_model(vectors, matched) for model, vectors in question.vectors.items()}
        self.exact: Mask = index.columns.alive & (index.columns.content == fingerprint(question.text))
        self._exact_rows = self.exact.nonzero()[0]
        self.scores: Scores = self._words.copy()
        for model, of_model in self._vectors.items():
            planes = index.planes[model]
            self._set(planes.rows, planes.scan(of_model.vector), of_model.share)
        self.scores[self._exact_rows] = 1.0

    @property
    def error(self) -> float:
        """By how much the scores may be off until they are scored exactly."""
        return COARSE_ERROR if self._vectors else 0.0

    def score_exactly(self, rows: Rows) -> None:
        """Score some rows by both planes of their vectors."""
        for model, of_model in self._vectors.items():
            planes = self._index.planes[model]
            there, places = planes.placed(rows)
            # A matrix product may round a row otherwise when there are other rows beside it, and a least score that
            # was read off an answer is to be met by that memory again.
            self._set(there, np.einsum("ij,j->i", planes.of(places), of_model.vector), of_model.share)
        self.scores[self._exact_rows] = 1.0

    def _set(self, rows: NDArray[np.signedinteger], products: Scores, share: float) -> None:
        np.maximum(products, 0.0, out=products)
        np.minimum(products, 1.0, out=products)
        products *= np.float32(self._weight)
        if len(rows) == len(self.scores):  # then they are all, in their order
            np.multiply(self._words, np.float32(1 - self._weight * share), out=self.scores)
            self.scores += products
        else:
            self.scores[rows] = products + np.float32(1 - self._weight * share) * self._words[rows]


class _OfModel(Struct, frozen=True):
    """The vector whose inner product with a memory's is the sum of both cosines, and their `share` of its weight."""

    vector: Vector
    share: float


def _of_model(vectors: EmbeddedQuestion, matched: Matched) -> _OfModel:
    words = of_words(vectors, matched)
    if words is None:
        return _OfModel(vectors.text, 1.0)
    of_all = WORD_COSINE_SHARE * words.share
    return _OfModel(COSINE_SHARE * vectors.text + of_all * words.vector, COSINE_SHARE + of_all)


def _lent(index: UserIndex, scores: Scores, ordering: Ordering) -> Scores:
    """Return what the neighbours of each row add to its order."""
    lent = np.zeros(len(scores), np.float32)
    if not ordering.neighbours or not len(index):
        return lent
    of_memories = scores if len(index) == len(scores) else scores[index.columns.alive]
    above = scores - np.add.reduce(of_memories) / np.float32(len(index))
    for step, weight in zip(index.steps(), NEIGHBOUR_WEIGHTS, strict=True):
        step.lend(weight, above, lent)
    return lent


def _named(index: UserIndex, question: Question, ordering: Ordering) -> Scores:
    """Return what it adds to be the words of the only speaker whom the question names."""
    speaker = NOBODY if ordering.alike else index.speakers.named_in(question.text)
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


def _sorted(index: UserIndex, rows: Rows, order: Scores) -> Rows:
    """Return rows best first, then newest first."""
    columns = index.columns
    return rows[np.lexsort((~columns.low[rows], ~columns.high[rows], -columns.created[rows], -order[rows]))]


def _first(index: UserIndex, rows: Rows, order: Scores) -> np.int64:
    """Return the first of rows, which need not be sorted to find it."""
    orders = order[rows]
    first = rows[orders == orders.max()]
    return np.int64(first[0] if len(first) == 1 else _sorted(index, first, order)[0])
