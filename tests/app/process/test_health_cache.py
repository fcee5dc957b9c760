"""The health of a provider: one check at a time and one a second for any number of questions, and no long wait."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from msgspec import UNSET
from prometheus_client import CollectorRegistry

from app.http.operator_schemas import ReadyResponse
from app.process.health_cache import DECIDED_SECONDS, HEALTH_CHECK_SECONDS, HealthCache
from app.process.readiness import Readiness
from app.process.warm_up import WarmUp
from observability.metrics import Metrics
from observability.recent import SHARED_SECONDS
from providers.chain.chain import Chain
from providers.chain.chained import ChainHealth
from providers.health import Health
from tests.providers.chain.stage import FILL_SECONDS, Stage, staged
from tests.support.frail import FrailProvider

Result = TypeVar("Result")

ALMOST = 0.001  # seconds
CALLERS = 50
FOREVER = 10_000.0


class Examined:
    """A store that answers for its health after so many seconds, and counts how often it is asked, and at a time."""

    def __init__(self, store: FrailProvider) -> None:
        self.store = store
        self.store.instead["health_check"] = self.health_check
        self.asked = 0
        self.at_once = 0
        self.most_at_once = 0
        self.well = True
        self.says_after = 0.0
        self.heeds = True

    async def health_check(self, _store: FrailProvider) -> Health:
        """See `MemoryStore`; one that heeds nothing goes on when it is cancelled."""
        self.asked += 1
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        asked = asyncio.create_task(asyncio.sleep(self.says_after))
        try:
            while not asked.done():
                try:
                    await asyncio.shield(asked)
                except asyncio.CancelledError:
                    if self.heeds:
                        asked.cancel()
                        raise
        finally:
            self.at_once -= 1
        return Health(healthy=self.well, provider="Patient")


class Scene:
    """A chain of one or two providers, and looks at them."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.home, self.standby = Examined(stage.store()), Examined(stage.store())
        self.metrics = Metrics(CollectorRegistry())
        self.chain: Chain = stage.chain()
        self.health = HealthCache(self.chain, self.metrics)
        self.warm_up = WarmUp()
        self.readiness = Readiness(self.health, self.warm_up, lambda: "read_write")

    async def alone(self) -> None:
        """Let home be the only provider."""
        await self.chain.switch([self.stage.part("home", self.home.store)])

    async def both(self) -> None:
        """Let home have a standby that has received everything."""
        home, standby = self.stage.part("home", self.home.store), self.stage.part("standby", self.standby.store)
        await self.chain.switch([home, standby])
        await asyncio.sleep(FILL_SECONDS)
        assert len(self.chain.route.readers) == 2

    def counted(self, provider: str, outcome: str) -> float:
        """How many looks have ended so."""
        labels = {"provider": provider, "operation": "health_check", "outcome": outcome}
        return self.metrics.registry.get_sample_value("ninai_operation_duration_seconds_count", labels) or 0.0


def health_of(told: ReadyResponse, name: str) -> Health:
    """The health of one provider, as the process itself knows it."""
    assert told.providers is not UNSET
    return told.providers[name]


def played(main: Callable[[Scene], Coroutine[Any, Any, Result]]) -> Result:
    """Play a scene in simulated time."""

    async def play(stage: Stage) -> Result:
        scene = Scene(stage)
        try:
            return await main(scene)
        finally:
            scene.home.heeds = scene.standby.heeds = True
            await scene.health.aclose()

    return staged(play)


async def seconds_of(work: Awaitable[Result]) -> tuple[float, Result]:
    """How long something takes on the simulated clock, and what comes of it."""
    started = asyncio.get_running_loop().time()
    result = await work
    return asyncio.get_running_loop().time() - started, result


def test_however_many_ask_there_is_one_look_a_second() -> None:
    """Whichever of the two routes they come by."""

    async def main(scene: Scene) -> None:
        await scene.alone()
        scene.home.says_after = 0.1
        asked = [scene.readiness.answer() for _ in range(CALLERS)], [scene.health.of_chain() for _ in range(CALLERS)]
        ready, healths = [await asyncio.gather(*coroutines) for coroutines in asked]

        assert {(one.ready, one.providers["home"].provider) for one in ready} == {(True, "Patient")}
        assert {one.healthy for one in healths} == {True}
        assert (scene.home.asked, scene.counted("home", "ok")) == (1, 1)

        await asyncio.sleep(SHARED_SECONDS - 0.1)
        await scene.readiness.answer()
        assert (scene.home.asked, scene.home.most_at_once) == (2, 1)

    played(main)


def test_of_several_each_is_looked_at_once() -> None:
    """The chain tells of each of them."""

    async def main(scene: Scene) -> None:
        await scene.both()
        scene.standby.well = False
        told = await asyncio.gather(*(scene.health.of_chain() for _ in range(CALLERS)))

        one = told[-1]
        assert isinstance(one, ChainHealth)
        assert {name: health.healthy for name, health in one.providers.items()} == {"home": True, "standby": False}
        assert (one.healthy, scene.home.asked, scene.standby.asked) == (True, 1, 1)
        assert (scene.counted("home", "ok"), scene.counted("standby", "unavailable")) == (1, 1)

    played(main)


def test_a_look_takes_no_place_of_a_request() -> None:
    """It goes past the bulkhead and past a breaker that lets nobody through."""

    async def main(scene: Scene) -> None:
        await scene.alone()
        guards = scene.chain.route.links[0].attempts.guards
        guards.breaker.force_open("a test")
        scene.home.says_after = 1.0
        asking = asyncio.create_task(scene.readiness.answer())
        await asyncio.sleep(0.5)

        assert (scene.home.at_once, guards.bulkhead.in_flight) == (1, 0)
        assert (await asking).ready

    played(main)


def test_a_look_that_hangs_is_given_up() -> None:
    """After its time every answer says so, and the next look begins."""

    async def main(scene: Scene) -> None:
        await scene.alone()
        scene.home.says_after = FOREVER
        waited, told = await seconds_of(asyncio.gather(*(scene.readiness.answer() for _ in range(CALLERS))))

        assert waited == HEALTH_CHECK_SECONDS
        assert {(one.ready, one.reason) for one in told} == {(False, "unhealthy")}
        assert {health_of(one, "home").error for one in told} == {"no answer for 5.0 s"}
        assert (scene.home.asked, scene.counted("home", "timeout")) == (1, 1)

        scene.home.says_after = 0.0
        assert (await scene.readiness.answer()).ready

    played(main)


def test_requests_do_not_pile_up_behind_a_look_that_cannot_be_broken_off() -> None:
    """Once it has had its time whoever asks is told so at once, and nothing is begun beside it."""

    async def main(scene: Scene) -> None:
        await scene.alone()
        scene.home.says_after, scene.home.heeds = FOREVER, False
        await scene.readiness.answer()
        for ask in (scene.readiness.answer, scene.health.of_chain):
            asked: list[Awaitable[object]] = [ask() for _ in range(CALLERS)]
            waited, _ = await seconds_of(asyncio.gather(*asked))
            assert waited == 0.0

        assert (scene.home.asked, scene.home.most_at_once) == (1, 1)

    played(main)


def test_a_slow_provider_is_well_as_long_as_it_answers_in_time() -> None:
    """One that is alone is waited for, since nobody else could serve."""

    async def main(scene: Scene) -> None:
        await scene.alone()
        scene.home.says_after = HEALTH_CHECK_SECONDS - ALMOST

        assert (await scene.readiness.answer()).ready

    played(main)


def test_a_standby_that_hangs_delays_readiness_for_a_moment_alone() -> None:
    """Somebody can serve; who has not answered is shown so, and is waited for where its health is asked for."""

    async def main(scene: Scene) -> None:
        await scene.both()
        scene.standby.says_after = HEALTH_CHECK_SECONDS - ALMOST
        waited, told = await seconds_of(scene.readiness.answer())

        assert (round(waited, 3), told.ready) == (DECIDED_SECONDS, True)
        assert health_of(told, "standby").error == f"no answer for {DECIDED_SECONDS} s"
        assert (await scene.health.of_chain()).healthy
        assert scene.counted("standby", "ok") == 1

    played(main)


def test_home_that_hangs_is_no_reason_while_a_standby_serves() -> None:
    """Reads are answered by it."""

    async def main(scene: Scene) -> None:
        await scene.both()
        scene.home.says_after = FOREVER
        waited, told = await seconds_of(scene.readiness.answer())

        assert (round(waited, 3), told.ready) == (DECIDED_SECONDS, True)

    played(main)


def test_leaving_counts_at_once() -> None:
    """Whoever asks afterwards, and whoever waits already, learns of it though the provider says nothing."""

    async def main(scene: Scene) -> None:
        await scene.alone()
        assert (await scene.readiness.answer()).ready
        scene.readiness.drain()
        waited, told = await seconds_of(scene.readiness.answer())
        assert (waited, told.ready, told.leaving, told.reason) == (0.0, False, True, "leaving")
        assert health_of(told, "home").healthy

    async def hanging(scene: Scene) -> None:
        await scene.alone()
        scene.home.says_after = FOREVER
        asking = asyncio.create_task(seconds_of(scene.readiness.answer()))
        await asyncio.sleep(1.0)
        scene.readiness.drain()
        waited, told = await asking
        assert (waited, told.leaving) == (1.0, True)
        waited, told = await seconds_of(scene.readiness.answer())
        assert (round(waited, 3), told.leaving) == (DECIDED_SECONDS, True)

    played(main)
    played(hanging)


def test_what_was_seen_while_warming_up_is_not_shown_afterwards() -> None:
    """A provider that was away a moment ago is looked at anew."""

    async def main(scene: Scene) -> None:
        await scene.alone()
        scene.home.well, scene.warm_up.cold = False, {"home": "not tried yet"}
        told = await scene.readiness.answer()
        assert (told.ready, told.reason, health_of(told, "home").healthy) == (False, "warming", False)
        scene.home.well, scene.warm_up.cold = True, {}
        scene.health.invalidate()

        assert (await scene.readiness.answer()).ready

    played(main)


def test_another_order_has_looks_of_its_own() -> None:
    """What was seen of a provider that has left is not told of the one that has its name now."""

    async def main(scene: Scene) -> None:
        await scene.alone()
        scene.home.well = False
        assert not (await scene.readiness.answer()).ready
        scene.home.well = True
        await scene.chain.switch([scene.stage.part("home", scene.home.store, settings="others")])

        assert (await scene.readiness.answer()).ready
        assert scene.home.asked == 2

    played(main)
