"""Measuring: which share of the evidence each method finds, with bootstrap intervals."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from providers.embedders.base import Embedder
from providers.text.analyzer import analyze, question_words
from tests.quality.methods import METHODS, Scene, asked
from tests.quality.questions_and_answers import Asked, Conversation

_RESAMPLES = 4_000
_INTERVAL = (2.5, 97.5)  # percent

Values = NDArray[np.float64]


class Measured(Struct, frozen=True):
    """One value for each question, by method: recall at ten; and what each question is like."""

    recalls: dict[str, Values]
    languages: tuple[str, ...]
    shares_a_word: NDArray[np.bool_]


class Interval(Struct, frozen=True):
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


async def measured(conversations: Sequence[Conversation], embedder: Embedder) -> Measured:
    """Ask every question of every conversation, by every method."""
    recalls: dict[str, list[float]] = {name: [] for name in METHODS}
    languages, shares = [], []
    for conversation in conversations:
        vectors = await embedder.embed([line.text for line in conversation.lines])
        scene = Scene(conversation, embedder.model, vectors)
        for one in conversation.questions:
            question = await asked(embedder, one.text)
            languages.append(conversation.language)
            shares.append(shares_a_word(conversation, one))
            for name, method in METHODS.items():
                recalls[name].append(len(one.evidence & set(method(scene, question))) / len(one.evidence))
    return Measured({name: np.array(one) for name, one in recalls.items()}, tuple(languages), np.array(shares))


def shares_a_word(conversation: Conversation, asked_for: Asked) -> bool:
    """Return whether a question has a word with some of its evidence, by the stems of any of the languages there."""
    analyses = {line.id: analyze(line.text) for line in conversation.lines}
    languages = {analysis.language for analysis in analyses.values()}
    wanted = {term for word in question_words(asked_for.text) for term in word.terms(languages)}
    return any(not wanted.isdisjoint(analyses[memory_id].terms) for memory_id in asked_for.evidence)


def interval(values: Values) -> Interval:
    """Return the mean of some questions, and the interval in which nearly all means of resampled questions lie."""
    random = np.random.default_rng(len(values))
    means = values[random.integers(0, len(values), (_RESAMPLES, len(values)))].mean(axis=1)
    low, high = np.percentile(means, _INTERVAL)
    return Interval(float(values.mean()), float(low), float(high))
