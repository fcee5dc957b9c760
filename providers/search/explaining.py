"""Explanations: the parts of which the score and the place of an answer consist."""

from collections.abc import Mapping

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from providers.search.explanations import HitExplanation, WordPart
from providers.search.matching import Matched, of_words, word_part
from providers.search.packed_rows import Rows
from providers.search.questions import Question, Vector
from providers.search.user_index import UserIndex

Scores = NDArray[np.float32]
Mask = NDArray[np.bool_]


class Places(Struct, frozen=True, kw_only=True):
    """What decided the places of all rows: their scores, what their order `gained` by the name of the part, the order.

    Those that are not `eligible` could be no answers; `exact` are the question itself.
    """

    eligible: Mask
    exact: Mask
    scores: Scores
    gained: Mapping[str, Scores]
    order: Scores


def explained(
    index: UserIndex, question: Question, matched: Matched, rows: Rows, places: Places
) -> list[HitExplanation]:
    """Explain the places of the answers, in their order."""
    words = word_part(index, matched) if matched.idfs else None
    cosines, word_cosines = _cosines(index, question, matched, rows)
    holders = [frozenset(one.tolist()) for one in matched.holders]
    return [
        HitExplanation(
            rank=rank,
            rank_by_score=1 + int(np.count_nonzero(places.eligible & (places.scores > places.scores[row]))),
            order=float(places.order[row]),
            exact=bool(places.exact[row]),
            cosine=cosines.get(row),
            word_cosine=word_cosines.get(row),
            words=None if words is None else float(words[row]),
            matched=tuple(
                WordPart(question.words[place].text, worth)
                for place, there, worth in zip(matched.places, holders, matched.idfs, strict=True)
                if row in there
            ),
            **{name: float(gained[row]) for name, gained in places.gained.items()},
        )
        for rank, row in enumerate(rows.tolist(), 1)
    ]


def _cosines(
    index: UserIndex, question: Question, matched: Matched, rows: Rows
) -> tuple[dict[int, float], dict[int, float]]:
    """Return the cosines with the question and with the sum of its words, by row."""
    plain: dict[int, float] = {}
    by_words: dict[int, float] = {}
    for model, vectors in question.vectors.items():
        planes = index.planes[model]
        there, places = planes.placed(rows)
        memories = planes.of(places)
        words = of_words(vectors, matched)
        plain |= _by_row(there, memories, vectors.text)
        if words is not None and words.share:
            by_words |= _by_row(there, memories, words.vector)
    return plain, by_words


def _by_row(rows: Rows, memories: Vector, vector: Vector) -> dict[int, float]:
    return dict(zip(rows.tolist(), (memories @ vector).tolist(), strict=True))
