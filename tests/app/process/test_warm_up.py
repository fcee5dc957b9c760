"""Warming up: ready as soon as everything that a first recall needs has been tried, or after five seconds."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from msgspec.structs import replace

from app.process.warm_up import AGAIN_SECONDS, OTHERS_SECONDS, WARM_UP_SECONDS, WarmUp, warming_up
from providers.answers import NO_VECTOR, Found
from providers.errors import Unavailable
from providers.memory.provider import MockMemoryProvider
from providers.types import RecallQuery
from tests.providers.chain.stage import FILL_SECONDS, Stage, staged
from tests.support.frail import FrailProvider

ALMOST = 0.01  # seconds
FOREVER = 10_000.0


class ColdStore:
    """A store that answers after so many seconds, not before some moment, and without a vector before another."""

    def __init__(self, stage: Stage) -> None:
        self.provider = stage.store()
        self.provider.instead["find"] = self.find
        self.clock = stage.clock
        self.asked = 0
        self.away_until = 0.0
        self.without_vectors_until = 0.0
        self.takes = 0.0

    async def find(self, provider: FrailProvider, query: RecallQuery) -> Found:
        """See `MemoryStore`."""
        self.asked += 1
        await asyncio.sleep(self.takes)
        if self.clock() < self.away_until:
            raise Unavailable("away")
        found = await MockMemoryProvider.find(provider, query)
        return replace(found, degraded=(NO_VECTOR,)) if self.clock() < self.without_vectors_until else found


class Scene:
    """A chain that has just been opened, and how long it takes to be warm."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.store = ColdStore(stage)
        self.warmed = 0

    def done(self) -> None:
        """Take note of the end of it."""
        self.warmed += 1

    async def seconds(self, *, always: bool = False) -> tuple[float, dict[str, str]]:
        """Warm up; give how long that took, and what was cold the moment before it ended."""
        chain = self.stage.chain(always=always)
        await chain.switch([self.stage.part("a", self.store.provider)])
        started, cold = self.stage.clock(), dict[str, str]()
        async with warming_up(chain, self.done) as warm_up:
            assert warm_up.cold
            while warm_up.running:
                cold = dict(warm_up.cold)
                await asyncio.sleep(ALMOST)
            return round(self.stage.clock() - started, 1), cold


def played(main: Callable[[Scene], Coroutine[Any, Any, None]]) -> None:
    """Play a scene in simulated time."""
    staged(lambda stage: main(Scene(stage)))


def test_one_pass_is_enough() -> None:
    """Each provider is asked one question, and then nothing is cold."""

    async def main(scene: Scene) -> None:
        scene.store.takes = 0.5

        assert await scene.seconds() == (0.5, {"a": "not tried yet"})
        assert (scene.store.asked, scene.warmed) == (1, 1)

    played(main)


def test_a_provider_that_comes_up_is_waited_for() -> None:
    """It is asked again until it answers, and not longer."""

    async def main(scene: Scene) -> None:
        scene.store.away_until = scene.stage.clock() + 2.0 - ALMOST

        assert await scene.seconds() == (2.0, {"a": "Unavailable"})
        assert scene.store.asked == 2.0 / AGAIN_SECONDS + 1

    played(main)


def test_an_embedder_that_comes_up_is_waited_for() -> None:
    """An answer by words alone is no answer of something warm."""

    async def main(scene: Scene) -> None:
        scene.store.without_vectors_until = scene.stage.clock() + 1.0 - ALMOST

        assert await scene.seconds() == (1.0, {"a": NO_VECTOR})

    played(main)


def test_a_journal_that_comes_up_is_waited_for() -> None:
    """It is a piece of every read."""

    async def main(scene: Scene) -> None:
        scene.stage.disk.down = True
        asyncio.get_running_loop().call_later(1.0 - ALMOST, setattr, scene.stage.disk, "down", False)

        seconds, cold = await scene.seconds(always=True)
        assert (seconds, cold) == (1.0, {"journal": "JournalUnavailable"})

    played(main)


def test_what_stays_away_is_waited_for_no_longer_than_five_seconds() -> None:
    """Also what only hangs: then whoever answers has to do."""

    async def away(scene: Scene) -> None:
        scene.store.away_until = scene.stage.clock() + FOREVER
        assert await scene.seconds() == (WARM_UP_SECONDS, {"a": "Unavailable"})
        assert scene.warmed == 1

    async def hanging(scene: Scene) -> None:
        scene.store.takes = FOREVER
        assert await scene.seconds() == (WARM_UP_SECONDS, {"a": "not tried yet"})
        assert (scene.store.asked, scene.warmed) == (1, 1)

    async def just_in_time(scene: Scene) -> None:
        scene.store.takes = WARM_UP_SECONDS - 0.1
        assert await scene.seconds() == (WARM_UP_SECONDS - 0.1, {"a": "not tried yet"})

    played(away)
    played(hanging)
    played(just_in_time)


def test_a_bug_keeps_nobody_from_being_ready() -> None:
    """It is no reason to wait for."""

    async def main(scene: Scene) -> None:
        scene.store.provider.failures["find"] = TypeError("a bug of some kind")
        seconds, _ = await scene.seconds()

        assert seconds <= WARM_UP_SECONDS
        assert scene.warmed == 1

    played(main)


def test_a_service_that_ends_while_it_warms_up_leaves_nothing_behind() -> None:
    """No try goes on."""

    async def main(scene: Scene) -> None:
        scene.store.takes = FOREVER
        chain = scene.stage.chain()
        await chain.switch([scene.stage.part("a", scene.store.provider)])
        others = asyncio.all_tasks()
        async with warming_up(chain, scene.done):
            await asyncio.sleep(ALMOST)
        await asyncio.sleep(ALMOST)

        assert asyncio.all_tasks() == others

    played(main)


def test_nothing_is_warming_without_a_part() -> None:
    """As before it has begun and after it has ended."""
    assert not WarmUp().running


def test_who_hangs_does_not_delay_who_serves() -> None:
    """One complete provider and the journal are warm: the other complete ones have a second, and no more."""

    async def main(scene: Scene) -> None:
        stage, healthy = scene.stage, scene.stage.store()
        chain = stage.chain()
        await chain.switch([stage.part("a", scene.store.provider), stage.part("b", healthy)])
        await asyncio.sleep(FILL_SECONDS)
        scene.store.takes = FOREVER
        started = stage.clock()
        async with warming_up(chain, scene.done) as warm_up:
            while warm_up.running:  # noqa: ASYNC110 - its end sets no event
                await asyncio.sleep(ALMOST)

        assert await stage.complete() == {"a", "b"}
        assert stage.clock() - started == pytest.approx(OTHERS_SECONDS, abs=0.1)

    played(main)


def test_who_answers_no_reads_delays_nobody() -> None:
    """A provider that is not complete may be cold when all others are warm."""

    async def main(scene: Scene) -> None:
        stage, newcomer = scene.stage, scene.stage.store()
        chain = stage.chain()
        await stage.journal.join("a", await scene.store.provider.identity())
        newcomer.seconds = FOREVER
        await chain.switch([stage.part("a", scene.store.provider), stage.part("b", newcomer)])
        started = stage.clock()
        async with warming_up(chain, scene.done) as warm_up:
            while warm_up.running:  # noqa: ASYNC110 - its end sets no event
                await asyncio.sleep(ALMOST)

        assert stage.clock() - started < 0.1

    played(main)
