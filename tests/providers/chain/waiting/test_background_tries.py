"""Tries that go on after their callers were answered: home gets each write once, and few of them go on at a time."""

import asyncio
from collections.abc import Sequence

import pytest

from providers.answers import Stored
from providers.chain.chain import FLUSH_SECONDS, Chain
from providers.chain.confirming import HOME_SLOW
from providers.chain.observer import LateEnd, Unobserved
from providers.chain.policy import ChainPolicy
from providers.chain.waiting.background_tries import MOST_BACKGROUND_TRIES, most_background_tries
from providers.chain.waiting.home_try import LEAST_PATIENCE_FOR_WRITES
from providers.errors import Conflict, ProviderError
from providers.expectations import MOST_TRY
from providers.memory.provider import MockMemoryProvider
from providers.owners import Owner
from providers.types import NewMemory, PageQuery
from tests.providers.chain.scene import FOREVER, USER, Scene, key, play, running
from tests.providers.chain.stage import FILL_SECONDS, Stage, staged
from tests.support.frail import FrailProvider

SLOW = 3.0  # seconds that home takes


class Ends(Unobserved):
    """An observer that records how late tries ended."""

    def __init__(self) -> None:
        self.ends: list[LateEnd] = []

    def ended_late(self, provider: str, end: LateEnd) -> None:
        """Record it."""
        assert provider == "home"
        self.ends.append(end)


async def _seconds(scene: Scene, text: str = "tea") -> float:
    """Store a memory, and return the seconds until the answer."""
    started = scene.clock()
    await scene.chain.remember(USER, text)
    return scene.clock() - started


def test_a_slow_home_is_waited_for_within_patience() -> None:
    """Then the write is accepted; home gets it once, and it is settled, with no word of the relay."""

    async def act(scene: Scene) -> None:
        ends = Ends()
        scene.watch(ends)
        scene.home.seconds = SLOW
        async with running(scene.relay("home")):
            waited = await _seconds(scene)
            accepted = (scene.told.accepted, scene.told.degraded, scene.told.provider)
            found = [record.content for record in await scene.chain.list_memories(USER)]
            await asyncio.sleep(SLOW)

        assert waited == pytest.approx(LEAST_PATIENCE_FOR_WRITES)
        assert (accepted, found) == ((True, [HOME_SLOW], "journal"), ["tea"])
        assert scene.home.calls.count("store_many") == 1
        assert await scene.kept("home") == ["tea"]
        assert [delivery.provider for delivery in await scene.journal.pending(10)] == ["standby"]
        assert ends.ends == [LateEnd.ANSWERED]

    play(act)


def test_a_repeated_write_waits_for_the_first_one() -> None:
    """The caller of a 202 asks again with its key: home gets nothing twice, and the answer is its word."""

    async def act(scene: Scene) -> None:
        memory_id = key()
        scene.home.instead["store_many"] = _slow_store
        await scene.chain.remember(USER, "tea", memory_id=memory_id)
        first, second = scene.told.accepted, scene.listen()
        second.wait = 5.0
        await scene.chain.remember(USER, "tea", memory_id=memory_id)
        third = scene.listen()
        await scene.chain.remember(USER, "tea", memory_id=memory_id)

        assert (first, second.accepted, third.accepted) == (True, False, False)
        assert scene.home.calls.count("store_many") == 1

    play(act)


def test_a_repeated_write_is_accepted_again_while_home_is_slow() -> None:
    """Its patience is over before the first try is."""

    async def act(scene: Scene) -> None:
        memory_id = key()
        scene.home.instead["store_many"] = _hanging
        await scene.chain.remember(USER, "tea", memory_id=memory_id)
        told = scene.listen()
        await scene.chain.remember(USER, "tea", memory_id=memory_id)

        assert (told.accepted, told.degraded) == (True, [HOME_SLOW])
        assert scene.home.calls.count("store_many") == 1

    play(act)


async def _hanging(*_: object) -> None:
    await asyncio.sleep(FOREVER)


async def _slow_store(provider: MockMemoryProvider, memories: Sequence[NewMemory]) -> list[Stored | ProviderError]:
    await asyncio.sleep(SLOW)
    return await MockMemoryProvider.store_many(provider, memories)


def test_a_few_tries_go_on_and_no_more() -> None:
    """Others are given up, and the relay brings home what they were to bring."""

    async def act(scene: Scene) -> None:
        ends = Ends()
        scene.watch(ends)
        bound = most_background_tries(scene.links["home"].attempts.guards.bulkhead.limit)
        scene.home.seconds = SLOW
        await asyncio.gather(*(_seconds(scene, f"memory {number}") for number in range(bound + 3)))
        at_once = scene.chained.tries.count("home")
        await asyncio.sleep(0.5)
        later = scene.chained.tries.count("home")
        scene.home.seconds = 0.0
        due = await scene.journal.lease("home", 100, 0.0)
        await asyncio.sleep(SLOW)

        assert bound == scene.links["home"].attempts.guards.bulkhead.limit // 2
        assert (at_once, later, len(due)) == (bound + 3, bound, 3)
        assert (ends.ends.count(LateEnd.ANSWERED), ends.ends.count(LateEnd.GIVEN_UP)) == (bound, 3)

    play(act)


@pytest.mark.parametrize(("slots", "most"), [(1, 1), (16, 8), (1_000, MOST_BACKGROUND_TRIES)])
def test_reads_keep_slots_of_their_own(slots: int, most: int) -> None:
    """At most half of the slots of a provider are taken by writes for which nobody waits."""
    assert most_background_tries(slots) == most


def test_a_write_that_waits_for_a_slot_is_given_up() -> None:
    """Nothing of it is under way: the relay delivers it, with others in one call."""

    async def act(scene: Scene) -> None:
        limit = scene.links["home"].attempts.guards.bulkhead.limit
        scene.home.seconds = SLOW
        writes = [asyncio.ensure_future(_seconds(scene, f"memory {number}")) for number in range(limit + 1)]
        await asyncio.gather(*writes)
        await asyncio.sleep(0.2)

        assert scene.home.calls.count("store_many") == limit

    play(act)


def test_a_hanging_home_is_given_up() -> None:
    """A try in the background ends when it would as a delivery, and the relay goes on with it."""

    async def act(scene: Scene) -> None:
        ends = Ends()
        scene.watch(ends)
        scene.home.seconds = FOREVER
        await _seconds(scene)
        scene.home.seconds = 0.0
        before = await scene.journal.lease("home", 100, 0.0)
        await asyncio.sleep(MOST_TRY)
        await scene.deliver()

        assert (before, ends.ends) == ([], [LateEnd.FAILED])
        assert await scene.kept("home") == ["tea"]

    play(act)


def test_a_caller_that_is_gone_does_not_end_the_try() -> None:
    """Home would get the write a second time, from the relay."""

    async def act(scene: Scene) -> None:
        scene.home.seconds = 0.5
        writing = asyncio.ensure_future(scene.chain.remember(USER, "tea"))
        await asyncio.sleep(0.2)
        writing.cancel()
        async with running(scene.relay("home")):
            await asyncio.sleep(SLOW)

        assert scene.home.calls.count("store_many") == 1
        assert await scene.kept("home") == ["tea"]

    play(act)


def test_a_caller_that_is_gone_when_home_answers_leaves_nothing_leased() -> None:
    """Otherwise the lease would be renewed for ever, and nobody else could deliver what home has not taken."""

    async def act(scene: Scene) -> None:
        async def leave(home: FrailProvider, memories: Sequence[NewMemory]) -> Sequence[Stored | ProviderError]:
            writing.cancel()
            return await MockMemoryProvider.store_many(home, memories)

        scene.home.instead["store_many"] = leave
        writing = asyncio.ensure_future(scene.chain.remember(USER, "tea"))
        await asyncio.wait([writing])
        await asyncio.sleep(SLOW)

        [home] = [backlog for backlog in (await scene.journal.status()).backlogs if backlog.provider == "home"]
        assert writing.cancelled()
        assert home.pending == 0

    play(act)


def test_the_end_of_a_process_waits_for_tries_and_gives_up_the_rest() -> None:
    """Within a bound; what was given up is due again."""

    async def act(scene: Scene) -> None:
        scene.home.seconds = LEAST_PATIENCE_FOR_WRITES + 0.5
        await _seconds(scene, "tea")
        scene.home.seconds = FOREVER
        await _seconds(scene, "coffee")
        scene.home.seconds = 0.0
        started = scene.clock()

        await scene.chained.tries.finish(0.3)

        due = await scene.journal.lease("home", 10, 0.0)
        assert scene.clock() - started < 1.0
        assert scene.chained.tries.count("home") == 0
        assert [delivery.state.content for delivery in due] == ["coffee"]
        assert await scene.kept("home") == ["tea"]

    play(act)


def test_a_refusal_after_patience_is_a_dead_letter() -> None:
    """Its caller was told 202; an operator sees it, as any that the relay makes."""

    async def act(scene: Scene) -> None:
        scene.home.instead["store_many"] = _refusing
        await scene.chain.remember(USER, "tea")
        await asyncio.sleep(SLOW)

        assert scene.told.accepted
        assert [letter.error for letter in await scene.dead()] == ["conflict"]

    play(act)


async def _refusing(_provider: object, memories: list[NewMemory]) -> list[Conflict]:
    await asyncio.sleep(SLOW)
    return [Conflict(str(memory.memory_id)) for memory in memories]


async def two(stage: Stage, policy: ChainPolicy | None = None) -> tuple[Chain, FrailProvider]:
    """Return a chain of two that have received everything, and its home."""
    chain, home = stage.chain(policy), stage.store()
    await chain.switch([stage.part("home", home), stage.part("standby", stage.store())])
    await asyncio.sleep(FILL_SECONDS)
    return chain, home


def test_a_chain_that_is_closed_waits_for_tries() -> None:
    """One that is nearly done is settled; one that hangs does not delay the end."""

    async def main(stage: Stage) -> None:
        chain, home = await two(stage)
        home.seconds = LEAST_PATIENCE_FOR_WRITES + 0.5
        await chain.provider.remember(USER, "tea")
        home.seconds = FOREVER
        await chain.provider.remember(USER, "coffee")
        home.seconds = 0.0
        started = stage.clock()

        await chain.close()

        pending = [one for one in await stage.journal.pending(10) if one.provider == "home"]
        assert stage.clock() - started < FLUSH_SECONDS + 1.0
        assert len(pending) == 1
        page = await MockMemoryProvider.page(home, PageQuery(owner=Owner(USER)))
        assert [record.content for record in page.memories] == ["tea"]

    staged(main)


@pytest.mark.parametrize(("waits", "accepted"), [(False, True), (True, False)])
def test_the_settings_decide_whether_writes_wait(*, waits: bool, accepted: bool) -> None:
    """For all callers of the chain."""

    async def main(stage: Stage) -> None:
        chain, home = await two(stage, ChainPolicy(writes_wait=waits))
        home.seconds = SLOW
        stored = await chain.provider.store(NewMemory(owner=Owner(USER), content="tea"))

        assert stored.confirmed is not accepted

    staged(main)
