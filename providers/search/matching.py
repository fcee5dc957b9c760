"""Which memories of an index hold which words of a question."""

from math import sqrt

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from providers.search.bm25 import idf, shortness
from providers.search.packed_rows import Rows
from providers.search.questions import EmbeddedQuestion, Question, Vector
from providers.search.user_index import UserIndex


class Matched(Struct, frozen=True):
    """The words of a question that count: their places in it, the rows that hold each, and what it tells."""

    places: list[int]
    holders: list[Rows]
    idfs: list[float]


NO_WORDS = Matched([], [], [])


def match(index: UserIndex, question: Question) -> Matched:
    """Look up the words of a question under the stems of all languages of the memories, and unstemmed.

    A word that says nothing in some language counts where a memory holds it.
    """
    languages = index.languages
    holders = index.holders([word.terms(languages) for word in question.words])
    counted = [
        place
        for place, (word, rows) in enumerate(zip(question.words, holders, strict=True))
        if len(rows) or not word.may_be_empty
    ]
    holders, memories = [holders[place] for place in counted], len(index)
    return Matched(counted, holders, [idf(memories, len(rows)) for rows in holders])


def word_part(index: UserIndex, matched: Matched) -> NDArray[np.float32]:
    """Return the score by words of each row, float32[rows] in [0, 1]."""
    scores = np.zeros(len(index.columns), np.float32)
    if matched.idfs:
        worths = np.array(matched.idfs, np.float32).repeat([len(rows) for rows in matched.holders])
        np.add.at(scores, np.concatenate(matched.holders), worths)
        lengths = index.columns.length.astype(np.float32) / max(index.average_length, 1.0)
        scores *= shortness(lengths) / sum(matched.idfs)
        np.minimum(scores, 1.0, out=scores)
    return scores


class OfWords(Struct, frozen=True):
    """The sum of the vectors of words, float32[dim] of unit length, and the share of the words that have one, by idf.

    Zeros, and a share of 0, where no word has a vector.
    """

    vector: Vector
    share: float


def of_words(vectors: EmbeddedQuestion, matched: Matched) -> OfWords | None:
    """Return the sum of the vectors of words, each times its idf; None where this model knows no single words."""
    if vectors.words is None or not matched.places:
        return None
    weights = np.array(matched.idfs, np.float32)
    words = vectors.words if len(matched.places) == len(vectors.words) else vectors.words[matched.places]
    summed: Vector = weights @ words
    length = sqrt(summed @ summed)
    if not length:
        return OfWords(summed, 0.0)
    summed /= length
    known = words.any(axis=1)
    return OfWords(summed, 1.0 if known.all() else float(weights[known].sum() / weights.sum()))
