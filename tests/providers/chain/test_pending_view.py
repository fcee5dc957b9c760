"""How much a read asks the journal about a user, and what becomes of it where that is a lot."""

import asyncio

from providers.chain.pending_view import MAX_PENDING, MAX_TOMBSTONES, FarBehind
from providers.journal.base import JournalUnavailable
from providers.memory.provider import MockMemoryProvider
from providers.types import Owner, Snapshot
from tests.providers.chain.scene import DOWN, USER, Scene, failure_of, play

_BATCH = 500


async def _remember(scene: Scene, number: int) -> None:
    for start in range(0, number, _BATCH):
        await scene.remember(*("tea" for _ in range(start, min(start + _BATCH, number))))


def test_who_is_far_behind_is_not_asked() -> None:
    """So many pending operations are no overlay any more."""

    async def act(scene: Scene) -> None:
        scene.home.failures |= dict.fromkeys(("store_many", "put_many"), DOWN)
        await _remember(scene, MAX_PENDING)
        await asyncio.sleep(60)  # by then it is asked again
        assert len(await scene.chain.list_memories(USER)) == 100
        await scene.remember("one more")

        assert isinstance(await failure_of(scene.chain.list_memories(USER)), FarBehind)

    play(act, "home")


def test_who_is_far_behind_leaves_the_answer_to_another() -> None:
    """Home itself, when it comes back after a long time in which its standby got everything."""

    async def act(scene: Scene) -> None:
        scene.home.failures["*"] = DOWN
        await _remember(scene, MAX_PENDING + 1)
        await scene.deliver()
        scene.home.failures.clear()
        told = scene.listen()

        assert len(await scene.chain.list_memories(USER)) == 100
        assert (told.provider, told.degraded) == ("standby", ["home_far_behind"])

    play(act)


def test_what_another_provider_lacks_costs_nothing() -> None:
    """While the standby is down for long, home answers, which has everything."""

    async def act(scene: Scene) -> None:
        scene.standby.failures["*"] = DOWN
        await _remember(scene, MAX_PENDING + 1)
        told = scene.listen()

        assert len(await scene.chain.list_memories(USER)) == 100
        assert len(await scene.chain.recall(USER, "tea")) == 10
        assert (told.provider, told.degraded) == ("home", [])

    play(act)


async def _many_deletions(scene: Scene, number: int) -> list[Snapshot]:
    """Delete so many memories, everywhere, and return the copies that home had of them."""
    await _remember(scene, number)
    await scene.deliver()
    copies = await MockMemoryProvider.snapshots(scene.home, Owner(USER))
    for copy in copies:
        await scene.chain.delete(USER, copy.id)
    await scene.deliver()
    return copies


def test_many_deletions_hide_nothing_and_show_nothing() -> None:
    """A copy that came back is left out, however many tombstones there are; what is alive is found."""

    async def act(scene: Scene) -> None:
        copies = await _many_deletions(scene, MAX_TOMBSTONES + 5)
        alive = await scene.chain.remember(USER, "green tea")
        new = await MockMemoryProvider.snapshot(scene.home, Owner(USER), alive)
        scene.home.restore([*copies, *([new] if new else [])])

        assert len(await MockMemoryProvider.snapshots(scene.home, Owner(USER))) == len(copies) + 1
        assert [record.id for record in await scene.chain.list_memories(USER, 50)] == [alive]
        assert [record.id for record in await scene.chain.recall(USER, "green tea")] == [alive]

    play(act)


def test_a_journal_that_is_lost_meanwhile_is_told() -> None:
    """Of many deletions it must be asked a second time: without that nothing is shown that may be deleted."""

    async def act(scene: Scene) -> None:
        await _many_deletions(scene, MAX_TOMBSTONES + 1)
        await scene.remember("green tea")
        scene.home.seconds = 0.1
        asyncio.get_running_loop().call_later(0.05, scene.lose_journal)

        assert isinstance(await failure_of(scene.chain.list_memories(USER)), JournalUnavailable)

    play(act, "home")
