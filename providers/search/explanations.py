"""Explanations: what an answer says of how it came to be."""

from typing import Annotated

from msgspec import Meta, Struct


class WordPart(Struct, frozen=True):
    """A word of the question that a memory has, and how much it tells among the memories of this user."""

    word: str
    idf: float


class HitExplanation(Struct, frozen=True, kw_only=True):
    """Why a memory has its score and its place: the cosines and the words make the score, the others the order.

    A part that does not apply is null: no vector on one side, or no words in the question.
    """

    rank: Annotated[int, Meta(description="The place in the answer, from 1.")]
    rank_by_score: Annotated[int, Meta(description="The place by the score alone, of all that meet the conditions.")]
    order: Annotated[float, Meta(description="What orders the answer: the score, neighbours, speaker and recency.")]
    exact: Annotated[bool, Meta(description="Whether it is the question itself, but for case, accents and blanks.")]
    cosine: Annotated[float | None, Meta(description="Of the question's vector and the memory's.")]
    word_cosine: Annotated[float | None, Meta(description="Of the sum of its words' vectors, each by its idf.")]
    words: Annotated[float | None, Meta(description="BM25 of the words, in 0 to 1.")]
    matched: tuple[WordPart, ...]
    neighbours: Annotated[float, Meta(description="What the memories next to it add, above the mean.")]
    speaker: Annotated[float, Meta(description="What it adds to be the words of whom the question names.")]
    recency: Annotated[float, Meta(description="What it adds to be recent, if that is preferred.")]


class Considered(Struct, frozen=True, kw_only=True):
    """The memories that a ranking looked at, and how many of them could not be answers.

    `filtered` do not meet the conditions; `below_min_score` do, and are worth too little, or nothing at all.
    """

    memories: int
    filtered: int
    below_min_score: int
