"""What a ranking is asked: a question with its words and vectors, and how to order the answers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from providers.search.weights import VECTORS_WEIGHT
from providers.text.analyzer import QuestionWord, question_words

Vector = NDArray[np.float32]
Matrix = NDArray[np.float32]

DAY = 86_400.0  # seconds


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


class Recency(Struct, frozen=True, kw_only=True):
    """Prefer recent memories: the order of one created at `now` gains `weight`, half as much every `half_life`.

    `half_life` is in seconds.
    """

    now: datetime
    half_life: Annotated[float, Meta(gt=0)] = 30 * DAY
    weight: Annotated[float, Meta(gt=0, le=1)] = 0.2


class Ordering(Struct, frozen=True, kw_only=True):
    """How answers are ordered.

    `vectors_weight` is the vectors' share of the score of a pair, the rest is the words'.
    `diversity` in [0, 1) is how much an answer loses for being like one before it; 0 is the plain order.
    """

    limit: int = 10
    min_score: float = 0.0
    vectors_weight: Annotated[float, Meta(ge=0, le=1)] = VECTORS_WEIGHT
    recency: Recency | None = None
    diversity: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    explain: bool = False


class WordPart(Struct, frozen=True):
    """A word of the question that a memory has, and how much it tells among the memories of this user."""

    word: str
    idf: float


class ScoreParts(Struct, frozen=True, kw_only=True):
    """The parts of one answer's score, and of its place: `cosines` and `words` make the score, the others the order.

    A part that does not apply is None: no vector on one side, or no words in the question.
    """

    cosine: float | None = None
    word_cosine: float | None = None
    words: float | None = None
    matched: tuple[WordPart, ...] = ()
    neighbours: float = 0.0
    speaker: float = 0.0
    recency: float = 0.0


class Hit(Struct, frozen=True, kw_only=True):
    """A memory that answers: the `score` of question and memory alone, in (0, 1], and by what the answers are ordered.

    One that is the question itself, but for case, accents and blanks, is `exact`, and its score is 1.
    """

    id: str
    row: int
    score: float
    order: float
    exact: bool = False
    explanation: ScoreParts | None = None
