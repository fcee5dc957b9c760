"""An embedder that failed is left alone for a while, and nothing but unit vectors passes."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from providers.embedders.base import PAUSED, REJECTED, Embedder, EmbedderUnavailable, Vector
from providers.embedders.guarded import FIRST_PAUSE, LONGEST_PAUSE, GuardedEmbedder
from tests.support.native import FickleEmbedder, HashingEmbedder

PATIENCE = 0.05  # seconds


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        """What time it is."""
        return self.now


class Nonsense(Embedder):
    """Gives whatever vectors it was made with."""

    model = "test/nonsense"

    def __init__(self, vectors: list[list[float]]) -> None:
        self._vectors = [np.array(vector, dtype=np.float32) for vector in vectors]

    async def embed(self, texts: Sequence[str]) -> list[Vector]:  # noqa: ARG002 - the same for every text
        """The same for every text."""
        return self._vectors


def guard(embedder: Embedder, clock: Clock, patience: float = PATIENCE, chance: float = 1.0) -> GuardedEmbedder:
    """A guard whose pauses are as long as they can be."""
    return GuardedEmbedder(embedder, patience, clock, lambda: chance)


async def outcome_of(embedder: Embedder) -> str:
    """How a call ends."""
    try:
        await embedder.embed(["tea"])
    except EmbedderUnavailable as error:
        return error.outcome
    return "ok"


async def test_vectors_pass_unchanged() -> None:
    """A healthy embedder is passed on, model and all."""
    guarded = guard(HashingEmbedder(model="test/a"), Clock())

    assert guarded.model == "test/a"
    assert np.array_equal((await guarded.embed(["tea"]))[0], HashingEmbedder().vector_of("tea"))
    assert await guarded.embed([]) == []


async def test_after_a_failure_nobody_asks_for_a_while() -> None:
    """While pausing calls end at once, without reaching the embedder; afterwards they pass."""
    clock, fickle = Clock(), FickleEmbedder()
    guarded = guard(fickle, clock)
    fickle.down = True
    assert await outcome_of(guarded) == "unavailable"
    fickle.down = False

    assert [await outcome_of(guarded) for _ in range(5)] == [PAUSED] * 5
    assert fickle.asked == 1
    clock.now += FIRST_PAUSE
    assert await outcome_of(guarded) == "ok"


async def test_pauses_double_up_to_a_bound() -> None:
    """Each failure in a row doubles the pause, up to half a minute, however many there are."""
    clock, fickle = Clock(), FickleEmbedder()
    guarded = guard(fickle, clock)
    fickle.down = True
    lengths = []
    for _ in range(8):
        assert await outcome_of(guarded) == "unavailable"
        before = clock.now
        while await outcome_of_peek(guarded, clock):
            clock.now += 0.5
        lengths.append(clock.now - before)

    assert lengths == [1, 2, 4, 8, 16, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]
    for _ in range(1_100):
        await outcome_of(guarded)
        clock.now += LONGEST_PAUSE
    fickle.down = False
    assert await outcome_of(guarded) == "ok"
    fickle.down = True
    assert await outcome_of(guarded) == "unavailable"
    clock.now += FIRST_PAUSE
    assert await outcome_of(guarded) == "unavailable"


async def outcome_of_peek(guarded: GuardedEmbedder, clock: Clock) -> bool:
    """Whether a call now would be refused; nothing is asked."""
    return clock.now < guarded._paused_until  # noqa: SLF001 - a call would end the pause it looks at


async def test_pauses_are_spread() -> None:
    """The pause is at least half its length, so that replicas come back at different moments."""
    clock, fickle = Clock(), FickleEmbedder()
    guarded = guard(fickle, clock, chance=0.0)
    fickle.down = True
    await outcome_of(guarded)
    fickle.down = False

    clock.now += FIRST_PAUSE / 2 - 0.01
    assert await outcome_of(guarded) == PAUSED
    clock.now += 0.02
    assert await outcome_of(guarded) == "ok"


async def test_many_failures_at_once_are_one() -> None:
    """Calls that were under way together fail together, and the pause is that of a single failure."""
    clock, fickle = Clock(), FickleEmbedder()
    guarded = guard(fickle, clock)
    fickle.hanging = True
    assert await asyncio.gather(*(outcome_of(guarded) for _ in range(20))) == ["timeout"] * 20
    fickle.hanging = False

    clock.now += FIRST_PAUSE
    assert await outcome_of(guarded) == "ok"


async def test_one_call_tries_after_a_pause() -> None:
    """When the pause is over a single call reaches the embedder, the others are refused until it has succeeded."""
    clock, fickle = Clock(), FickleEmbedder()
    guarded = guard(fickle, clock)
    fickle.down = True
    await outcome_of(guarded)
    fickle.down, fickle.hanging = False, True
    clock.now += FIRST_PAUSE

    outcomes = await asyncio.gather(*(outcome_of(guarded) for _ in range(20)))
    assert sorted(outcomes) == [PAUSED] * 19 + ["timeout"]
    assert fickle.asked == 2


async def test_a_trying_call_that_is_broken_off_ends_no_hope() -> None:
    """If the one call that tries is cancelled, another may try within the patience."""
    clock, fickle = Clock(), FickleEmbedder()
    guarded = guard(fickle, clock)
    fickle.down = True
    await outcome_of(guarded)
    fickle.down, fickle.hanging = False, True
    clock.now += FIRST_PAUSE
    task = asyncio.create_task(outcome_of(guarded))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    fickle.hanging = False

    clock.now += PATIENCE
    assert await outcome_of(guarded) == "ok"


async def test_a_refused_text_pauses_nothing() -> None:
    """A text that the embedder will not take says nothing about the next."""
    fickle = FickleEmbedder()
    guarded = guard(fickle, Clock())
    fickle.poison = {"tea"}

    assert [await outcome_of(guarded) for _ in range(3)] == [REJECTED] * 3
    fickle.poison = set()
    assert await outcome_of(guarded) == "ok"


async def test_patience_ends() -> None:
    """A call that hangs ends as a timeout."""
    fickle = FickleEmbedder()
    fickle.hanging = True

    assert await outcome_of(guard(fickle, Clock())) == "timeout"


async def test_a_cancelled_call_is_cancelled() -> None:
    """Breaking a call off is no failure of the embedder."""
    fickle = FickleEmbedder()
    guarded = guard(fickle, Clock(), patience=60)
    fickle.hanging = True
    task = asyncio.create_task(guarded.embed(["tea"]))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    fickle.hanging = False

    assert await outcome_of(guarded) == "ok"


@pytest.mark.parametrize("vector", [[0.0, 0.0], [float("nan"), 1.0], [float("inf"), 0.0], [2.0, 0.0], [0.5, 0.5], []])
async def test_what_is_no_unit_vector_is_refused(vector: list[float]) -> None:
    """A vector of any other length than one is treated as a refusal of its text."""
    assert await outcome_of(guard(Nonsense([vector]), Clock())) == REJECTED


@pytest.mark.parametrize("vectors", [[], [[1.0], [1.0]]])
async def test_another_number_of_vectors_is_nonsense(vectors: list[list[float]]) -> None:
    """An answer that does not have one vector per text is none."""
    assert await outcome_of(guard(Nonsense(vectors), Clock())) == "unavailable"


async def test_half_precision_is_unit_enough() -> None:
    """Vectors that went through 16 bits pass."""
    vector = HashingEmbedder(4_000).vector_of("tea").astype(np.float16).astype(np.float32)

    assert await outcome_of(guard(Nonsense([vector.tolist()]), Clock())) == "ok"
