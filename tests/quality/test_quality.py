"""The set is what it claims to be, and the ranking finds more on it than what it is compared with."""

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from observability.metrics import Metrics
from providers.embedders.local import LocalEmbedder
from tests.quality.few import first_of_few
from tests.quality.measuring import interval, measured, shares_a_word
from tests.quality.questions_and_answers import conversations


def test_the_set_is_large_and_varied() -> None:
    """At least 8 conversations of 100 memories and 200 questions, of which 30 % share no word with their answers."""
    several = conversations()
    asked = [(one, question) for one in several for question in one.questions]
    without = sum(not shares_a_word(one, question) for one, question in asked)

    assert len(several) >= 8
    assert min(len(one.lines) for one in several) >= 100
    assert len(asked) >= 200
    assert without / len(asked) >= 0.3
    assert {one.language for one in several} == {"code", "de", "en", "ja", "mixed", "ta", "zh"}


def test_the_memories_are_in_the_order_of_their_moments() -> None:
    """As they were stored; and no id occurs twice."""
    for one in conversations():
        moments = [line.created_at for line in one.lines]

        assert moments == sorted(moments)
        assert len({line.id for line in one.lines}) == len(one.lines)


@pytest.mark.thorough
async def test_the_ranking_finds_most() -> None:
    """It finds more of the evidence than words, vectors, their fusion, and the sum of both without more."""
    found = await measured(conversations(), await LocalEmbedder.load(Metrics(CollectorRegistry())))
    means = {name: float(values.mean()) for name, values in found.recalls.items()}

    assert max(means, key=lambda name: means[name]) == "ranking"
    assert means["ranking"] > 0.75
    assert means["BM25"] < means["reciprocal-rank fusion"] < means["ranking"]


@pytest.mark.thorough
async def test_the_answer_comes_first_of_a_few_memories_in_any_script() -> None:
    """Of six memories that were stored together by chance, and lend each other nothing that they should."""
    embedder = await LocalEmbedder.load(Metrics(CollectorRegistry()))
    shares = {one.name: float((await first_of_few(one, embedder)).mean()) for one in conversations()}

    assert {name for name, share in shares.items() if share < 0.9} == set()


def test_an_interval_holds_the_mean_and_narrows_with_more_questions() -> None:
    """Four times as many questions halve it."""
    few = np.tile([0.0, 1.0, 1.0, 0.0], 25)
    many = np.tile(few, 4)

    assert interval(few).low < interval(few).mean == 0.5 < interval(few).high
    ratio = (interval(few).high - interval(few).low) / (interval(many).high - interval(many).low)
    assert 1.6 < ratio < 2.4
