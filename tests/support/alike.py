"""Two stores with one embedder rank alike."""

import pytest

from providers.replica import Replica
from tests.support.states import live


async def assert_ranked_alike(ours: Replica, home: Replica) -> None:
    """Assert that both give the same answers and scores for the same memories, and name their ranking alike."""
    states = [live("ann", text, created_at=live("ann").created_at) for text in ("the red car", "masala chai", "water")]
    for provider in (ours, home):
        assert await provider.put_many(states) == [None] * 3
    answers = [await provider.recall("ann", "tea in a vehicle") for provider in (ours, home)]

    assert ours.ranking == home.ranking
    assert [memory.id for memory in answers[0]] == [memory.id for memory in answers[1]]
    for here, there in zip(*answers, strict=True):
        assert here.similarity_score == pytest.approx(there.similarity_score, abs=1e-6)
