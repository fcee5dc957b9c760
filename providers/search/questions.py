"""What a ranking is asked: a question with its words and vectors, and how to order the answers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Self

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from providers.search.explanations import HitExplanation
from providers.search.recency import Recency
from providers.search.weights import VECTORS_WEIGHT
from providers.text.analyzer import QuestionWord, question_words
from providers.types import RecallQuery

Vector = NDArray[np.float32]
Matrix = NDArray[np.float32]


class EmbeddedQuestion(Struct, frozen=True):
    """A question in one embedding model: its vector, float32[dim], and those of its words, float32[words, dim].

    An embedder that gives no vectors of words has no `words`; a word that it does not know has zeros.
    """

    text: Vector
    words: Matrix | None = None


class Question(Struct, frozen=True):
    """A question, its words in their order, and its vectors by the name of the model."""

    text: str
    words: tuple[QuestionWord, ...]
    vectors: Mapping[str, EmbeddedQuestion] = {}

    @classmethod
    def of(cls, text: str, vectors: Mapping[str, EmbeddedQuestion] | None = None) -> "Question":
        """Return a question with the words that the analyzer finds in it."""
        return cls(text, tuple(question_words(text)), vectors or {})


class Ordering(Struct, frozen=True, kw_only=True):
    """How answers are ordered.

    `vectors_weight` is the vectors' share of the score of a pair, the rest is the words'.
    `diversity` in [0, 1] is how much an answer loses for being like one before it; 0 is the plain order. `neighbours`
    count where the index has all memories, so that those which stand next to each other in it do so in truth. `alike`
    orders by the cosine of the question with each memory, and nothing else. What has expired by `now` is not told of.
    """

    limit: int = 10
    min_score: float = 0.0
    vectors_weight: Annotated[float, Meta(ge=0, le=1)] = VECTORS_WEIGHT
    recency: Recency | None = None
    diversity: Annotated[float, Meta(ge=0, le=1)] = 0.0
    explain: bool = False
    neighbours: bool = True
    alike: bool = False
    now: datetime | None = None

    @classmethod
    def of(cls, query: RecallQuery, vectors_weight: float = VECTORS_WEIGHT) -> Self:
        """Return the order that a query asks for."""
        return cls(
            limit=query.limit,
            min_score=query.min_score,
            vectors_weight=vectors_weight,
            recency=query.options.recency,
            diversity=query.options.diversity,
            explain=query.options.explain,
            neighbours=not query.options.alike,
            alike=query.options.alike,
            now=query.now,
        )


class Hit(Struct, frozen=True, kw_only=True):
    """A memory that answers: the `score` of question and memory alone, in (0, 1], and by what the answers are ordered.

    One that is the question itself, but for case, accents and blanks, is `exact`, and its score is 1.
    """

    id: str
    row: int
    score: float
    order: float
    exact: bool = False
    explanation: HitExplanation | None = None
