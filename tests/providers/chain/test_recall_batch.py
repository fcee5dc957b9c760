"""A batch of questions: what could be answered in time is, whatever becomes of the others."""

from collections.abc import Awaitable, Callable, Sequence

import pytest
from msgspec.structs import replace

from providers.answer_size import size_of
from providers.answers import Answer, Found
from providers.base import MemoryProvider
from providers.chain.errors import BreakerOpen, CutShort, NoTimeLeft
from providers.chain.recall_batch import CONCURRENT_RECALLS, MOST_IN_VAIN
from providers.errors import AnswerTooLarge, InvalidInput, ProviderError, SessionLost, TimedOut, Unavailable
from providers.memory.provider import MockMemoryProvider
from providers.owners import Owner
from providers.types import NewMemory, RecallQuery
from tests.providers.chain.rig import FOREVER
from tests.providers.chain.scene import Scene, play
from tests.providers.chain.stage import USER, Stage, staged
from tests.providers.chain.test_guarded import Alone, request
from tests.support.frail import FrailProvider

TEA = RecallQuery(owner=Owner(USER), query="tea")
DEAR = replace(TEA, query="dear")

Both = Callable[[Callable[[MemoryProvider, Sequence[FrailProvider]], Awaitable[None]]], None]


def alone(act: Callable[[MemoryProvider, Sequence[FrailProvider]], Awaitable[None]]) -> None:
    """Act on a single provider without a journal."""

    async def main(stage: Stage) -> None:
        one = Alone(stage)
        await act(one.provider, [one.store])

    staged(main)


def chained(act: Callable[[MemoryProvider, Sequence[FrailProvider]], Awaitable[None]]) -> None:
    """Act on a chain of two."""

    async def main(scene: Scene) -> None:
        await act(scene.chained, list(scene.providers.values()))

    play(main)


@pytest.fixture(params=[alone, chained])
def both(request: pytest.FixtureRequest) -> Both:
    """A single provider and a chain in turn, for what holds of both."""
    act: Both = request.param
    return act


def dear_ones_hang(stores: Sequence[FrailProvider]) -> None:
    """Let no store answer a dear question, nor say that it cannot, before its caller gives up."""

    async def find(provider: FrailProvider, query: RecallQuery) -> Found:
        if query.query == DEAR.query:
            raise TimedOut("too dear")
        return await MockMemoryProvider.find(provider, query)

    for store in stores:
        store.instead["find"] = find


async def failing(asked: Awaitable[object]) -> ProviderError:
    """The error that a call ends with."""
    with pytest.raises(ProviderError) as failure:
        await asked
    return failure.value


def test_what_cannot_be_answered_fails_alone(both: Both) -> None:
    """The error stands in its place; it says that another try may succeed."""

    async def act(provider: MemoryProvider, stores: Sequence[FrailProvider]) -> None:
        await provider.remember(USER, "green tea")
        dear_ones_hang(stores)

        first, dear, wrong, last = await provider.find_many([TEA, DEAR, replace(TEA, limit=0), TEA])

        assert isinstance(first, Found)
        assert isinstance(last, Found)
        assert [record.content for record in (*first.memories, *last.memories)] == ["green tea"] * 2
        assert isinstance(dear, TimedOut)
        assert isinstance(wrong, InvalidInput)

    both(act)


def test_what_was_answered_in_time_stays() -> None:
    """The others are refused when the time is over, without being asked."""

    async def main(stage: Stage) -> None:
        one = Alone(stage)
        one.store.seconds = 0.15
        began = stage.clock.now
        with request(patience=1.0):
            answers = await one.provider.find_many([TEA] * 100)

        answered = [answer for answer in answers if isinstance(answer, Found)]
        assert stage.clock.now - began == pytest.approx(1.0)
        assert len(answered) == 6 * CONCURRENT_RECALLS
        assert {answer.provider for answer in answered} == {"only"}
        assert {type(answer) for answer in answers[len(answered) :]} == {CutShort, NoTimeLeft}
        assert one.store.calls.count("find") == 7 * CONCURRENT_RECALLS

    staged(main)


def test_each_has_the_deadline_of_a_single_one() -> None:
    """One that hangs does not take the time of the whole batch, and those of its size have 30 s together."""

    async def main(stage: Stage) -> None:
        one = Alone(stage)
        one.store.seconds = FOREVER
        began = stage.clock.now

        assert isinstance(await failing(one.provider.find_many([TEA] * CONCURRENT_RECALLS)), TimedOut)
        assert stage.clock.now - began == pytest.approx(10.0)
        await failing(one.provider.find_many([TEA] * 100))
        assert stage.clock.now - began == pytest.approx(40.0)

    staged(main)


def test_where_nobody_answers_the_batch_is_refused_as_a_whole(both: Both) -> None:
    """There is nothing to tell, and its caller may try again; who is down is not asked a thousand times."""

    async def act(provider: MemoryProvider, stores: Sequence[FrailProvider]) -> None:
        for store in stores:
            store.down = True

        assert isinstance(await failing(provider.find_many([TEA] * 1_000)), Unavailable)
        asked = [store.calls.count("find") for store in stores]
        assert all(CONCURRENT_RECALLS <= count <= 4 * MOST_IN_VAIN for count in asked)

    both(act)


def test_a_refusal_is_an_answer() -> None:
    """What breaks a rule is told of a batch of which all others cannot be answered."""

    async def act(provider: MemoryProvider, stores: Sequence[FrailProvider]) -> None:
        for store in stores:
            store.down = True

        refused, error = await provider.find_many([replace(TEA, limit=0), TEA])

        assert isinstance(refused, InvalidInput)
        assert isinstance(error, Unavailable)

    chained(act)


def test_a_batch_has_a_size(both: Both) -> None:
    """It holds from one to a thousand questions."""

    async def act(provider: MemoryProvider, _stores: Sequence[FrailProvider]) -> None:
        assert isinstance(await failing(provider.find_many([])), InvalidInput)
        assert isinstance(await failing(provider.find_many([TEA] * 1_001)), InvalidInput)
        assert len(await provider.find_many([TEA] * 1_000)) == 1_000

    both(act)


@pytest.mark.parametrize(("spare", "answered"), [(0, 3), (-1, 2)])
def test_all_answers_together_have_a_bound(both: Both, spare: int, answered: int) -> None:
    """An answer that does not fit any more is an error in its place, which names the bound of the whole."""

    async def act(provider: MemoryProvider, _stores: Sequence[FrailProvider]) -> None:
        await provider.store_many([NewMemory(owner=Owner(USER), content="green tea") for _ in range(5)])
        most = 3 * await size_of((await provider.find(TEA)).memories) + spare
        answers = await provider.find_many([replace(TEA, most_bytes=most)] * 12)

        assert sum(isinstance(answer, Found) for answer in answers) == answered
        refused = [answer for answer in answers if isinstance(answer, AnswerTooLarge)]
        assert len(refused) == 12 - answered
        assert {error.most_bytes for error in refused} == {most}

    both(act)


def test_a_smaller_answer_still_fits(both: Both) -> None:
    """Behind one that did not; an empty one always does."""

    async def act(provider: MemoryProvider, _stores: Sequence[FrailProvider]) -> None:
        await provider.store_many([NewMemory(owner=Owner(USER), content="green tea") for _ in range(5)])
        most = await size_of((await provider.find(TEA)).memories) - 1
        asked = [replace(TEA, limit=limit, most_bytes=most) for limit in (5, 1)]

        too_large, fits = await provider.find_many(asked)

        assert isinstance(too_large, AnswerTooLarge)
        assert isinstance(fits, Found)
        assert len(fits.memories) == 1

    both(act)


def test_a_session_is_lost_with_the_journal() -> None:
    """As for a single question."""

    async def main(stage: Stage) -> None:
        one = Alone(stage)
        with request() as noted:
            noted.session = "journal-1.1"
            assert isinstance(await failing(one.provider.find_many([TEA])), SessionLost)
        assert one.store.calls == []

    staged(main)


def test_an_open_breaker_lets_a_batch_through() -> None:
    """There is nobody else to ask, as for a single question."""

    async def main(stage: Stage) -> None:
        one = Alone(stage)
        one.open_breaker()

        answers = await one.provider.find_many([TEA, TEA])

        assert [isinstance(answer, Found) for answer in answers] == [True, True]
        one.link.attempts.guards.breaker.force_open("maintenance")
        error = await failing(one.provider.find_many([TEA]))
        assert isinstance(error, BreakerOpen)

    staged(main)


def test_a_refusal_names_its_provider() -> None:
    """Each answer of a batch, a refusal as well, says who gave it."""

    async def main(stage: Stage) -> None:
        found, refused = await Alone(stage).provider.find_many([TEA, replace(TEA, min_score=2.0)])

        assert isinstance(found, Found)
        assert isinstance(refused, InvalidInput)
        assert (found.provider, refused.answer) == ("only", Answer(provider="only"))

    staged(main)


@pytest.mark.parametrize(("share", "at_once"), [(1.0, CONCURRENT_RECALLS), (0.5, CONCURRENT_RECALLS // 2), (0.0, 1)])
def test_less_is_done_at_once_beside_others(share: float, at_once: int) -> None:
    """As the request was told: it takes longer, and nobody else does."""

    async def main(stage: Stage) -> None:
        one = Alone(stage)
        one.store.seconds = 0.1
        began = stage.clock.now
        with request(patience=20.0) as told:
            told.parallelism = share
            await one.provider.find_many([TEA] * 8)

        assert stage.clock.now - began == pytest.approx(0.1 * 8 / at_once)

    staged(main)
