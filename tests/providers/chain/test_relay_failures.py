"""The relay while something fails: outages pass, poison dies, and no provider is overrun."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

from structlog.testing import capture_logs

from providers.answers import Stored
from providers.chain.policy import BreakerPolicy, RelayPolicy
from providers.errors import ProviderError, Throttled, Unavailable
from providers.memory.provider import MockMemoryProvider
from providers.types import NewMemory
from tests.providers.chain.scene import DOWN, USER, Scene, key, play, running
from tests.support.chain_rig import Guarding, link_of
from tests.support.frail import FrailProvider, each

POISON = "poison"
CHOKED = Unavailable("choked")


def choking(failure: Exception = CHOKED) -> Callable[..., Awaitable[list[Stored | ProviderError]]]:
    """Return a `store_many` that fails when the poison is among the memories, alone or in company."""

    async def store_many(provider: FrailProvider, memories: Sequence[NewMemory]) -> list[Stored | ProviderError]:
        if any(memory.content == POISON for memory in memories):
            raise failure
        return await MockMemoryProvider.store_many(provider, memories)

    return store_many


def test_after_a_failed_batch_deliveries_go_one_by_one() -> None:
    """So that one of them cannot hold the others up."""

    async def act(scene: Scene) -> None:
        scene.standby.instead["store_many"] = choking()
        await scene.remember("tea", POISON, "coffee")

        async with running(scene.relay("standby")):
            await asyncio.sleep(10)

        assert sorted(await scene.kept("standby")) == ["coffee", "tea"]

    play(act)


def test_a_bug_at_one_memory_stops_nothing_else() -> None:
    """The others are delivered; the one dies when others were taken after it, as with any other failure."""

    async def act(scene: Scene) -> None:
        scene.standby.instead["store_many"] = choking(ValueError("a bug"))
        await scene.remember("tea", POISON, "coffee")

        with capture_logs() as logs:
            async with running(scene.relay("standby", RelayPolicy(dead_after=2))):
                for number in range(5):
                    await scene.remember(f"cup {number}")
                    await asyncio.sleep(10)

        assert len(await scene.kept("standby")) == 7
        assert [log["event"] for log in logs][-2:] == ["delivery_failed", "dead_letter"]
        assert [letter.error for letter in await scene.dead()] == ["bug"]

    play(act)


def test_a_poison_ends_as_a_dead_letter_while_others_pass() -> None:
    """After as many failures as the policy says."""

    async def act(scene: Scene) -> None:
        scene.standby.instead["store_many"] = choking()
        await scene.remember(POISON)
        policy = RelayPolicy(dead_after=3, first_wait=0.1, longest_wait=0.5)

        async with running(scene.relay("standby", policy)):
            for number in range(60):
                await scene.remember(f"memory {number}")
                await asyncio.sleep(1)

        [letter] = await scene.dead()
        assert (letter.provider, letter.error, letter.failures) == ("standby", "unavailable", 3)
        assert len(await scene.kept("standby")) == 60

    play(act)


def test_an_outage_makes_no_dead_letters() -> None:
    """However long it is: nothing tells against an operation while its provider takes no other."""

    async def act(scene: Scene) -> None:
        await scene.remember("tea", "coffee")
        scene.standby.failures["*"] = DOWN

        async with running(scene.relay("standby", RelayPolicy(dead_after=1))):
            await asyncio.sleep(3_600)
            assert await scene.dead() == []
            scene.standby.failures.clear()
            await asyncio.sleep(180)

        assert sorted(await scene.kept("standby")) == ["coffee", "tea"]

    play(act)


def test_a_dead_provider_is_left_alone() -> None:
    """It sees about one probe a minute, however much is written."""

    async def act(scene: Scene) -> None:
        scene.standby.failures["*"] = DOWN

        async with running(scene.relay("standby")):
            for _ in range(360):
                await scene.remember("tea")
                await asyncio.sleep(10)

        assert 30 <= len(scene.standby.calls) <= 70

    play(act)


def test_a_throttled_provider_is_given_the_time_it_asks_for() -> None:
    """No delivery is tried earlier."""

    async def act(scene: Scene) -> None:
        scene.standby.failures["store_many"] = Throttled("too many", retry_after=100.0)
        await scene.remember("tea")
        relay = scene.relay("standby")
        with contextlib.suppress(Unavailable):
            await relay.deliver_some()
        scene.standby.failures.clear()

        async with running(relay):
            await asyncio.sleep(99)
            early = await scene.kept("standby")
            await asyncio.sleep(10)

        assert (early, await scene.kept("standby")) == ([], ["tea"])

    play(act)


def test_an_open_breaker_means_no_delivery() -> None:
    """Nothing is taken from the journal."""

    async def act(scene: Scene) -> None:
        await scene.remember("tea")
        scene.open_breakers()

        assert await scene.relay("standby").deliver_some() is False
        assert scene.standby.calls == []

    play(act)


def test_without_the_journal_nothing_happens() -> None:
    """When it is back, deliveries go on."""

    async def act(scene: Scene) -> None:
        await scene.remember("tea")
        scene.lose_journal()

        async with running(scene.relay("standby")):
            await asyncio.sleep(10)
            scene.find_journal()
            await asyncio.sleep(2)
            assert await scene.kept("standby") == ["tea"]
            scene.lose_journal()
            await asyncio.sleep(10)
            scene.find_journal()
            await scene.remember("coffee")
            await asyncio.sleep(2)

        assert sorted(await scene.kept("standby")) == ["coffee", "tea"]

    play(act)


def test_a_refusal_is_a_dead_letter_at_once() -> None:
    """The provider would say the same again."""

    async def act(scene: Scene) -> None:
        memory_id = key()
        await scene.standby.remember(USER, "coffee", memory_id=memory_id)
        await scene.chain.remember(USER, "tea", memory_id=memory_id)

        await scene.deliver()

        assert [(letter.provider, letter.error) for letter in await scene.dead()] == [("standby", "conflict")]

    play(act)


def test_what_one_memory_meets_is_no_matter_of_the_others() -> None:
    """A batch that is answered counts as alive, and what is not taken is tried again."""

    async def act(scene: Scene) -> None:
        scene.standby.instead["put_many"] = each(lambda state: None if state.deleted else DOWN)
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        await scene.chain.update(USER, memory_id, content="coffee")
        await scene.chain.delete(USER, key())

        await scene.relay("standby").deliver_some()

        [backlog] = [one for one in (await scene.journal.status()).backlogs if one.provider == "standby"]
        assert (backlog.pending, backlog.dead) == (1, 0)
        assert scene.links["standby"].attempts.guards.breaker.snapshot().failures == 0

    play(act)


def test_a_breaker_that_lets_probes_through_ends_the_rest() -> None:
    """The relay asks again as soon as it may."""

    async def act(scene: Scene) -> None:
        breaker = BreakerPolicy(first_pause=5.0, jitter=0.0)
        scene.links["standby"] = link_of("standby", scene.standby, scene.clock, Guarding(breaker=breaker))
        await scene.remember("tea")
        scene.open_breakers()

        async with running(scene.relay("standby", RelayPolicy(poll=60.0))):
            await asyncio.sleep(5.1)

        assert await scene.kept("standby") == ["tea"]

    play(act)
