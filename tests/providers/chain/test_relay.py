"""The outbox relay: everything reaches every provider, in batches, at once and no faster than allowed."""

import asyncio

import pytest

from providers.chain.observer import Unobserved
from providers.chain.policy import RelayPolicy
from providers.errors import MemoryDeleted, ProviderError
from providers.journal.operations import OperationKind
from providers.owners import Owner
from providers.types import Snapshot
from tests.providers.chain.scene import DOWN, USER, Scene, key, play, running


class Counted(Unobserved):
    """Adds up what became of deliveries."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, str], int] = {}

    def delivered(self, provider: str, outcome: str, count: int) -> None:
        """Add."""
        self.counts[provider, outcome] = self.counts.get((provider, outcome), 0) + count


def test_everything_is_delivered_in_one_batch() -> None:
    """As many at a time as the policy says."""

    async def act(scene: Scene) -> None:
        await scene.remember(*(f"memory {number}" for number in range(25)))
        relay = scene.relay("standby", RelayPolicy(batch=10))

        more = [await relay.deliver_some() for _ in range(4)]

        assert more == [True, True, True, False]
        assert scene.standby.calls == ["store_many"] * 3
        assert len(await scene.kept("standby")) == 25

    play(act)


def test_deliveries_are_counted() -> None:
    """By what became of them."""

    async def act(scene: Scene) -> None:
        scene.observer = counted = Counted()
        await scene.remember("tea", "coffee")
        scene.standby.failures["*"] = DOWN
        relay = scene.relay("standby")
        await relay.deliver_some()
        scene.standby.failures.clear()
        await asyncio.sleep(5)
        while await relay.deliver_some():
            pass

        assert counted.counts == {("standby", "postponed"): 2, ("standby", "done"): 2}

    play(act)


def test_what_is_written_is_delivered_at_once() -> None:
    """Nobody waits for the next look."""

    async def act(scene: Scene) -> None:
        async with running(scene.relay("standby", RelayPolicy(poll=60.0))):
            await asyncio.sleep(0.5)
            await scene.remember("tea")
            await asyncio.sleep(0.1)

            assert await scene.kept("standby") == ["tea"]

    play(act)


def test_the_newest_state_is_delivered_alone() -> None:
    """What it replaces is not."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        await scene.chain.update(USER, memory_id, content="coffee")

        await scene.deliver()

        assert (scene.standby.calls, await scene.kept("standby")) == (["put_many"], ["coffee"])

    play(act)


def test_a_change_follows_what_it_replaces_at_once() -> None:
    """It waits for the delivery that is under way, and no longer than that."""

    async def act(scene: Scene) -> None:
        scene.standby.seconds = 0.5
        async with running(scene.relay("standby", RelayPolicy(poll=60.0))):
            memory_id = await scene.chain.remember(USER, "tea")
            await asyncio.sleep(0.1)
            await scene.chain.update(USER, memory_id, content="coffee")
            await asyncio.sleep(0.3)
            before = list(scene.standby.calls)
            await asyncio.sleep(1.0)

            assert (before, scene.standby.calls) == (["store_many"], ["store_many", "put_many"])
            assert await scene.kept("standby") == ["coffee"]

    play(act)


def test_deliveries_are_no_faster_than_allowed() -> None:
    """On average, so that who returns is not run over."""

    async def act(scene: Scene) -> None:
        await scene.remember(*(f"memory {number}" for number in range(100)))
        relay = scene.relay("standby", RelayPolicy(batch=10, per_second=10))
        started = scene.clock()

        while await relay.deliver_some():
            pass

        assert scene.clock() - started == pytest.approx(10)

    play(act)


def test_nothing_is_delivered_while_there_is_no_link() -> None:
    """As soon as there is one, everything is."""

    async def act(scene: Scene) -> None:
        await scene.remember("tea")
        link = scene.links["standby"]
        present = False

        async with running(scene.rig.relay("standby", lambda: link if present else None)):
            await asyncio.sleep(10)
            before = await scene.kept("standby")
            present = True
            await asyncio.sleep(10)

        assert (before, await scene.kept("standby")) == ([], ["tea"])

    play(act)


def test_a_tombstone_that_is_met_is_brought_to_all() -> None:
    """What one provider alone remembers to be deleted is deleted everywhere."""

    async def act(scene: Scene) -> None:
        memory_id = key()
        await scene.standby.put_many([Snapshot(user_id=USER, id=memory_id, version=1, content=None)])
        await scene.chain.remember(USER, "tea", memory_id=memory_id)

        await scene.deliver()
        await scene.deliver()

        known = await scene.journal.newest(Owner(USER), memory_id)
        assert known is not None
        assert known.kind is OperationKind.DELETE
        assert await scene.kept("home") == await scene.kept("standby") == []

    play(act)


def test_a_deleted_memory_is_no_error() -> None:
    """Delete has won: this is how it shall be."""

    async def act(scene: Scene) -> None:
        memory_id = key()
        await scene.standby.put_many([Snapshot(user_id=USER, id=memory_id, version=1, content=None)])
        scene.observer = counted = Counted()
        await scene.chain.remember(USER, "tea", memory_id=memory_id)

        await scene.relay("standby").deliver_some()

        assert counted.counts == {("standby", "done"): 1}
        assert issubclass(MemoryDeleted, ProviderError)

    play(act)


class Timed(Unobserved):
    """Keeps how long deliveries took."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def confirmed(self, provider: str, seconds: float) -> None:
        """Take note."""
        assert provider == "standby"
        self.seconds.append(seconds)


@pytest.mark.parametrize("minted", ["now", "ahead", "never"])
def test_a_delivery_is_timed_by_the_journal(minted: str) -> None:
    """From the moment at which it was appended until the provider has it, whatever its version would say."""

    async def act(scene: Scene) -> None:
        scene.observer = timed = Timed()
        version = {"now": None, "ahead": scene.versions.next() + (172_800_000 << 16), "never": 1}[minted]
        await scene.chain.remember(USER, "tea", memory_id=key(), version=version)
        await asyncio.sleep(7)
        scene.standby.seconds = 0.15

        assert await scene.relay("standby").deliver_some()

        assert timed.seconds == [pytest.approx(7.15, abs=0.01)]

    play(act)
