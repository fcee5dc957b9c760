"""Stores whose reads are behind their writes: what they have confirmed stays in their overlay until they show it."""

import pytest

from providers.chain.observer import Unobserved
from providers.erasure.fences import Fence, hash_of, new_key
from providers.errors import MemoryNotFound
from providers.journal.operations import HELD
from providers.memory.provider import MockMemoryProvider
from providers.owners import Owner
from providers.states.editing import first_write_of
from tests.providers.chain.scene import DOWN, USER, Scene, failure_of, key, play
from tests.support.clock import FakeClock
from tests.support.frail import FrailProvider

STALENESS = 3.0  # seconds


def stale(clock: FakeClock) -> FrailProvider:
    """Return a store that shows what it confirmed some seconds ago, and says so."""
    provider = FrailProvider(clock)
    provider.behind = provider.declared = STALENESS
    return provider


def staler_than_declared(clock: FakeClock) -> FrailProvider:
    """Return a store that shows what it confirmed longer ago than it says."""
    provider = stale(clock)
    provider.behind = 2 * STALENESS + 1
    return provider


class Seen(Unobserved):
    """Records deliveries, their lags, and contradictions."""

    def __init__(self) -> None:
        self.outcomes: list[str] = []
        self.lags: list[float] = []
        self.contradictions: list[str] = []

    def delivered(self, provider: str, outcome: str, count: int) -> None:
        """Record."""
        self.outcomes += [f"{provider} {outcome}"] * count

    def confirmed(self, provider: str, seconds: float) -> None:  # noqa: ARG002 - for others
        """Record."""
        self.lags.append(seconds)

    def contradicted(self, provider: str) -> None:
        """Record."""
        self.contradictions.append(provider)


@pytest.mark.parametrize("after", [0.0, STALENESS - 0.1, STALENESS + 0.1, 10 * STALENESS])
def test_what_was_written_is_found(after: float) -> None:
    """By every read, at once and after the store shows it by itself; the caller was told that it is stored."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        accepted = scene.told.accepted
        await scene.chain.update(USER, memory_id, content="green tea")
        scene.clock.pass_by(after)
        await scene.deliver()
        told = scene.listen()

        found = [
            (await scene.chain.get(USER, memory_id)).content,
            *(record.content for record in await scene.chain.list_memories(USER)),
            *(record.content for record in await scene.chain.recall(USER, "tea")),
        ]

        assert (found, accepted, told.degraded, told.eventual) == (["green tea"] * 3, False, [], False)

    play(act, made=stale)


@pytest.mark.parametrize("after", [0.0, STALENESS - 0.1, STALENESS + 0.1, 10 * STALENESS])
def test_what_was_deleted_is_gone(after: float) -> None:
    """Although the store goes on showing it for a while."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        scene.clock.pass_by(10 * STALENESS)
        await scene.forget()
        await scene.chain.delete(USER, memory_id)
        scene.clock.pass_by(after)
        await scene.deliver()

        assert isinstance(await failure_of(scene.chain.get(USER, memory_id)), MemoryNotFound)
        assert await scene.chain.list_memories(USER) == await scene.chain.recall(USER, "tea") == []

    play(act, made=stale)


def test_the_journal_keeps_what_a_store_does_not_show_yet() -> None:
    """It forgets it when the store was seen to show it."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        await scene.forget()
        kept = await scene.operations()
        pending = await scene.journal.pending(10)
        scene.clock.pass_by(STALENESS)
        await scene.forget()

        assert [(one.provider, one.error) for one in pending] == [("home", HELD), ("standby", HELD)]
        assert (kept, await scene.operations()) == (1, 0)
        assert (await scene.chain.get(USER, memory_id)).content == "tea"

    play(act, made=stale)


def test_what_waits_to_be_seen_is_no_old_backlog() -> None:
    """Its age is none until the store should show it; if it does not, the age counts from then on."""

    async def act(scene: Scene) -> None:
        await scene.remember("tea")
        await scene.deliver()
        scene.clock.pass_by(STALENESS / 2)
        young = (await scene.journal.status()).backlogs
        scene.clock.pass_by(STALENESS / 2 + 5.0)
        overdue = (await scene.journal.status()).backlogs

        assert [(one.pending, one.dead, one.oldest_seconds) for one in young] == [(1, 0, 0.0)] * 2
        assert [one.oldest_seconds for one in overdue] == pytest.approx([5.0, 5.0], abs=0.2)

    play(act, made=stale)


def test_what_was_erased_need_not_be_seen() -> None:
    """It has been removed from the stores while the journal waited for them to show it."""

    async def act(scene: Scene) -> None:
        scene.observer = seen = Seen()
        await scene.remember("tea")
        await scene.deliver()
        [state] = await MockMemoryProvider.snapshots(scene.home, Owner(USER))
        hash_key = new_key()
        fence = Fence(key=hash_key, hash=hash_of(hash_key, USER), version=state.version, erased_at=1.0)
        for name, link in scene.links.items():
            link.fences.add([fence])
            await MockMemoryProvider.purge(scene.providers[name], Owner(USER), state.version)
        scene.clock.pass_by(STALENESS)
        await scene.deliver()

        assert seen.contradictions == []
        assert await scene.operations() == 1
        assert [one.pending for one in (await scene.journal.status()).backlogs] == [0, 0]

    play(act, made=stale)


def test_deliveries_are_counted_when_they_are_taken() -> None:
    """The lag is the time until then, and not until they are seen."""

    async def act(scene: Scene) -> None:
        scene.observer = seen = Seen()
        await scene.remember("tea")
        await scene.deliver()
        scene.clock.pass_by(STALENESS)
        await scene.deliver()

        assert seen.outcomes == ["standby held", "home done", "standby done"]
        assert seen.lags == pytest.approx([0.0], abs=0.1)
        assert seen.contradictions == []

    play(act, made=stale)


def test_what_a_store_does_not_show_is_brought_to_it_again() -> None:
    """It may have lost it; that is reported, and the memory is found all the time."""

    async def act(scene: Scene) -> None:
        scene.observer = seen = Seen()
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        scene.home.restore([])
        for _ in range(4):
            scene.clock.pass_by(STALENESS)
            await scene.deliver()
            assert (await scene.chain.get(USER, memory_id)).content == "tea"

        assert seen.contradictions == ["home"]
        assert [one for one in seen.outcomes if one.startswith("home")] == ["home postponed", "home held", "home done"]
        assert (await scene.kept("home"), await scene.journal.pending(10)) == (["tea"], [])

    play(act, made=stale)


def test_a_store_that_is_staler_than_it_says_is_asked_until_it_shows_it() -> None:
    """Nothing is lost, and nothing is stored twice."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        for _ in range(12):
            scene.clock.pass_by(STALENESS)
            await scene.deliver()
            assert (await scene.chain.get(USER, memory_id)).content == "tea"
            assert len(await scene.chain.list_memories(USER)) == 1

        assert await scene.journal.pending(10) == []

    play(act, made=staler_than_declared)


def test_a_crash_between_taking_and_settling_is_harmless() -> None:
    """Nobody has noted that the store took it: it is put once more, and looked for after that."""

    async def act(scene: Scene) -> None:
        scene.observer = seen = Seen()
        await scene.remember("tea")
        [delivery] = await scene.journal.lease("standby", 10, 5.0)
        await scene.standby.store_many([first_write_of(delivery.state)])
        scene.clock.pass_by(5.0)
        await scene.deliver()
        scene.clock.pass_by(STALENESS)
        await scene.deliver()

        assert [one for one in seen.outcomes if one.startswith("standby")] == ["standby held", "standby done"]
        assert await scene.kept("standby") == ["tea"]

    play(act, made=stale)


def test_a_look_that_fails_is_made_again() -> None:
    """The state is put once more before, which is harmless."""

    async def act(scene: Scene) -> None:
        await scene.remember("tea")
        await scene.deliver()
        scene.clock.pass_by(STALENESS)
        scene.home.failures["snapshot"] = DOWN
        await scene.deliver()
        scene.home.failures.clear()
        for _ in range(3):
            scene.clock.pass_by(60.0)
            await scene.deliver()

        assert (await scene.journal.pending(10), await scene.kept("home")) == ([], ["tea"])

    play(act, made=stale)


def test_a_repeated_write_is_one_memory() -> None:
    """While the store does not show the first one, and afterwards."""

    async def act(scene: Scene) -> None:
        memory_id = key()
        for _ in range(4):
            assert await scene.chain.remember(USER, "tea", memory_id=memory_id) == memory_id
            scene.clock.pass_by(STALENESS / 2)
            await scene.deliver()
        scene.clock.pass_by(STALENESS)
        await scene.forget()

        assert await scene.chain.remember(USER, "tea", memory_id=memory_id) == memory_id
        assert (await scene.kept("home"), await scene.kept("standby")) == (["tea"], ["tea"])

    play(act, made=stale)


def test_a_store_that_is_not_stale_is_not_looked_at() -> None:
    """What it has taken is done, and nothing more is asked of it."""

    async def act(scene: Scene) -> None:
        await scene.remember("tea")
        await scene.deliver()

        assert [provider.calls for provider in scene.providers.values()] == [["store_many"]] * 2
        assert await scene.journal.entries(Owner(USER), "home", 10, 10) == []

    play(act)
