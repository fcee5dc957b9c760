"""How much a read asks the journal about a user, and what becomes of it where that is a lot."""

import asyncio

import pytest

from providers.chain.pending_view import MAX_PENDING, MAX_TOMBSTONES, MOST_PENDING, FarBehind
from providers.journal.base import JournalUnavailable
from providers.memory.provider import MockMemoryProvider
from providers.owners import Owner
from providers.types import Snapshot
from tests.providers.chain.scene import DOWN, USER, Scene, failure_of, play

_BATCH = 500


async def _remember(scene: Scene, number: int) -> None:
    for start in range(0, number, _BATCH):
        await scene.remember(*("tea" for _ in range(start, min(start + _BATCH, number))))


async def _fall_behind(scene: Scene, number: int) -> None:
    """Let home take no writes while so many are accepted; it is asked again afterwards, and answers reads."""
    scene.home.failures |= dict.fromkeys(("store_many", "put_many"), DOWN)
    await _remember(scene, number)
    await asyncio.sleep(60)


@pytest.mark.parametrize("pending", [MAX_PENDING, MAX_PENDING + 1, MOST_PENDING])
def test_a_backlog_is_no_reason_to_answer_nothing(pending: int) -> None:
    """If nobody else answers, who is far behind does, with all that is pending laid over it."""

    async def act(scene: Scene) -> None:
        await _fall_behind(scene, pending)
        told = scene.listen()

        assert len(await scene.chain.list_memories(USER, limit=50, offset=pending - 10)) == 10
        assert len(await scene.chain.recall(USER, "tea")) == 10
        assert not told.eventual
        assert told.degraded == ([] if pending <= MAX_PENDING else ["last_resort"])

    play(act, "home")


def test_what_is_too_much_to_be_laid_over_an_answer_is_admitted() -> None:
    """The newest is shown, what is deleted is not; a caller that must find its own writes is told to ask again."""

    async def act(scene: Scene) -> None:
        old = await scene.chain.remember(USER, "old tea")
        await scene.chain.remember(USER, "old coffee")
        scene.home.failures |= dict.fromkeys(("store_many", "put_many"), DOWN)
        await scene.chain.delete(USER, old)
        await _fall_behind(scene, MOST_PENDING + 1)
        newest = await scene.chain.remember(USER, "newest")
        told = scene.listen()

        listed = await scene.chain.list_memories(USER, 1)
        recalled = await scene.chain.recall(USER, "old coffee")

        assert [record.id for record in listed] == [newest]
        assert [record.content for record in recalled] == ["old coffee"]
        assert old not in {record.id for record in await scene.chain.recall(USER, "old tea")}
        assert told.eventual
        assert told.degraded == [FarBehind.outcome, "last_resort"]
        scene.listen().session = told.token or (await _token(scene))
        assert isinstance(await failure_of(scene.chain.list_memories(USER)), FarBehind)

    play(act, "home")


async def _token(scene: Scene) -> str:
    told = scene.listen()
    await scene.chain.remember(USER, "tea")
    return str(told.token)


def test_not_everything_is_deleted_of_which_not_everything_is_seen() -> None:
    """A caller that is told of success would believe that nothing is left."""

    async def act(scene: Scene) -> None:
        await _fall_behind(scene, MOST_PENDING + 1)

        assert isinstance(await failure_of(scene.chain.erase_all(Owner(USER))), FarBehind)

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
