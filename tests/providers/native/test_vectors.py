"""Memories and questions get the vectors that can be had in the time of one operation; what lacks one is told."""

import pytest

from providers.answers import Found
from providers.embedders.base import SLICE_CHARS, Embedder
from providers.embedders.guarded import GuardedEmbedder
from providers.embedders.slicing import slices
from providers.host import Host
from providers.native.vectors import Vectors
from providers.owners import Owner
from providers.types import RecallQuery
from tests.support.clock import START, FakeClock, simulate
from tests.support.native import FickleEmbedder, HashingEmbedder, SlowEmbedder, host_for, open_native_provider

PATIENCE = 2.5  # seconds
QUESTION = "What do I drink?"
LONG = "tea " * (SLICE_CHARS // 8)  # two of them make a slice


def vectors_of(embedder: Embedder, clock: FakeClock) -> Vectors:
    """What a provider embeds with, in simulated time."""
    return Vectors(GuardedEmbedder(embedder, PATIENCE, clock), (), PATIENCE, clock)


def question(query: str) -> RecallQuery:
    """What Anna asks."""
    return RecallQuery(owner=Owner("anna"), query=query)


async def embedded(vectors: Vectors, contents: list[str]) -> list[bool]:
    """Which of these memories get a vector."""
    return [one.vector is not None for one in await vectors.of_memories(contents)]


def test_slices_hold_no_more_than_one_call_can_bear() -> None:
    """They are as large as they may be, in order, and only a text that is larger by itself makes a larger one."""
    sizes = [SLICE_CHARS - 1, 1, 1, SLICE_CHARS + 1, SLICE_CHARS, 0]

    assert [list(map(len, one)) for one in slices("x" * size for size in sizes)] == [
        [SLICE_CHARS - 1, 1],
        [1],
        [SLICE_CHARS + 1],
        [SLICE_CHARS, 0],
    ]
    assert list(slices([])) == []


@pytest.mark.thorough
def test_a_large_batch_is_embedded_in_slices() -> None:
    """Each is a call of its own, and together they take no more than the time of one."""
    embedder = SlowEmbedder(0.25)

    async def main(clock: FakeClock) -> None:
        assert await embedded(vectors_of(embedder, clock), [LONG] * 9) == [True] * 9
        assert clock.now == START + 9 * 0.25

    simulate(main)
    assert embedder.sizes == [SLICE_CHARS] * 4 + [SLICE_CHARS // 2]


def test_what_gets_no_turn_in_time_stays_without_a_vector() -> None:
    """The batch ends when its time does, with the vectors made so far, and the embedder is given no pause for it."""
    embedder = SlowEmbedder(0.5)

    async def main(clock: FakeClock) -> None:
        vectors = vectors_of(embedder, clock)

        assert await embedded(vectors, [LONG] * 10) == [True] * 4 + [False] * 6
        assert clock.now == START + PATIENCE
        assert (await vectors.of_question(QUESTION)).vectors != {}

    simulate(main)
    assert embedder.sizes == [SLICE_CHARS] * 3 + [len(QUESTION)]


def test_a_slice_whose_turn_comes_too_late_is_not_begun() -> None:
    """An embedder that holds up everything else may be done long after its time."""

    async def main(clock: FakeClock) -> None:
        embedder = SlowEmbedder(PATIENCE, clock.sleep)

        assert await embedded(vectors_of(embedder, clock), [LONG] * 5) == [True, True, False, False, False]
        assert embedder.sizes == [SLICE_CHARS]

    simulate(main)


def test_an_embedder_that_hangs_is_waited_for_once() -> None:
    """The first slice takes all the time there is, which is a failure: nobody else waits for a while."""
    fickle = FickleEmbedder()
    fickle.hanging = True

    async def main(clock: FakeClock) -> None:
        vectors = vectors_of(fickle, clock)

        assert await embedded(vectors, [LONG] * 6) == [False] * 6
        assert (await vectors.of_question(QUESTION)).vectors == {}
        assert clock.now == START + PATIENCE

    simulate(main)
    assert fickle.asked == 1


def test_an_embedder_that_fails_is_not_asked_for_the_rest() -> None:
    """Where one slice has failed, the others would."""
    fickle = FickleEmbedder()
    fickle.down = True

    async def main(clock: FakeClock) -> None:
        assert await embedded(vectors_of(fickle, clock), [LONG] * 6) == [False] * 6

    simulate(main)
    assert fickle.asked == 1


def test_a_text_that_is_refused_costs_its_slice_alone() -> None:
    """The slices before and after it get their vectors."""
    fickle = FickleEmbedder()
    fickle.poison = {"poison"}

    async def main(clock: FakeClock) -> None:
        contents = [LONG, LONG, LONG, "poison", LONG, LONG]
        assert await embedded(vectors_of(fickle, clock), contents) == [True, True, False, False, True, True]

    simulate(main)


async def test_an_answer_by_words_alone_says_that_it_is_degraded(database: str) -> None:
    """Whether the embedder fails or is given a pause; what was ranked before needs no vector."""
    fickle = FickleEmbedder()
    async with open_native_provider(database, fickle) as provider:
        await provider.remember("anna", "tea")
        assert (await provider.find(question("tea"))).degraded == ()

        fickle.down = True
        for _ in range(2):
            found = await provider.find(question("green tea"))
            assert [hit.content for hit in found.memories] == ["tea"]
            assert found.degraded == ("no_vector",)
        assert (await provider.find(question("tea"))).degraded == ()
    assert fickle.asked == 3


async def test_answers_to_several_questions_say_that_they_are_degraded(database: str) -> None:
    """Each once, and also where only a former embedder fails, whose vectors are still about."""
    former = FickleEmbedder(HashingEmbedder(model="test/former"))
    former.down = True
    async with open_native_provider(database, FickleEmbedder(), [former]) as provider:
        answers = await provider.find_many([question(query) for query in ("tea", "coffee")])

    assert [answer.degraded for answer in answers if isinstance(answer, Found)] == [("no_vector",)] * 2


async def test_without_an_embedder_nothing_is_degraded(database: str) -> None:
    """Words are all that was asked for then, and no metric expects anything else."""
    async with open_native_provider(database, host=(host := host_for())) as provider:
        await provider.remember("anna", "tea")
        found = await provider.find(question("tea"))

    assert found.degraded == ()
    assert degraded_of(host, "recall") is None


async def test_answers_without_vectors_are_counted_from_zero(database: str) -> None:
    """Of both ways to ask."""
    async with open_native_provider(database, HashingEmbedder(), host=(host := host_for())):
        assert [degraded_of(host, operation) for operation in ("recall", "recall_many")] == [0, 0]


async def test_the_ranking_is_named_after_what_decides_it(database: str) -> None:
    """A recall may be answered by another store only if words, weight and models are the same there."""
    current, former = HashingEmbedder(), HashingEmbedder(model="test/former")
    rankings = []
    for embedder, others, weight in (
        (current, (), 0.5),
        (HashingEmbedder(), (), 0.5),
        (None, (), 0.5),
        (current, (former,), 0.5),
        (current, (), 0.25),
    ):
        async with open_native_provider(database, embedder, others, vector_weight=weight) as provider:
            rankings.append(provider.ranking)

    assert rankings[0] == rankings[1] == "ranked 0.5 test/hashing"
    assert rankings[2:] == ["ranked 0.5 ", "ranked 0.5 test/hashing test/former", "ranked 0.25 test/hashing"]
    async with open_native_provider(database, current, recall_cache_mb=0) as provider:
        assert provider.ranking == "native 0.5 test/hashing"


def degraded_of(host: Host, operation: str) -> float | None:
    """What the counter of answers without vectors says."""
    labels = {"operation": operation, "reason": "no_vector"}
    return host.metrics.registry.get_sample_value("ninai_degraded_answers_total", labels)
