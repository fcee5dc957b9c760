"""Why a recall has found what it has found, where `explain` asks for it."""

from msgspec import Struct


class WordPart(Struct, frozen=True):
    """A word of the question that a memory has, and how much it tells among the memories of this user."""

    word: str
    idf: float


class HitExplanation(Struct, frozen=True, kw_only=True):
    """Why a memory has its score and its place; a part that does not apply is None."""

    rank: int
    rank_by_score: int
    order: float
    exact: bool
    cosine: float | None
    word_cosine: float | None
    words: float | None
    matched: list[WordPart]
    neighbours: float
    speaker: float
    recency: float


class Considered(Struct, frozen=True, kw_only=True):
    """How many memories were looked at, how many did not meet the conditions, and how many were worth too little."""

    memories: int
    filtered: int
    below_min_score: int
