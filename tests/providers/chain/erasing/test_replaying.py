"""A store that was put back to an earlier state is erased once more, and the list survives the loss of either side."""

import asyncio
from copy import copy

from providers.chain.deadline import CallOptions, Deadline
from providers.chain.policy import OperationClass
from providers.erasure.fences import FenceList
from providers.memory.provider import MockMemoryProvider
from providers.owners import Owner
from providers.states.clock import HybridClock
from providers.types import PageQuery, Snapshot
from tests.providers.chain.erasing.rig import SETTLE_SECONDS, eraser, keep_no_list, step, told
from tests.providers.chain.scene import USER, Scene, play

OWNER = Owner(USER)


async def erased(scene: Scene) -> list[Snapshot]:
    """Store a memory everywhere, erase its user, and return what the standby held before."""
    one = eraser(scene)
    await scene.remember("tea")
    await scene.deliver()
    states = await MockMemoryProvider.snapshots(scene.standby, OWNER)
    erasure = await one.request(OWNER)
    await step(one)
    await asyncio.sleep(SETTLE_SECONDS)
    await step(one)
    assert (await told(scene, erasure)).confirmed_at is not None
    return states


async def put_back(scene: Scene, states: list[Snapshot]) -> None:
    """Put the standby back to what it was before anybody was erased; its server tells so."""
    fresh = MockMemoryProvider(HybridClock())
    scene.standby.__dict__ |= {name: copy(vars(fresh)[name]) for name in ("_stores", "_fences")}
    assert await MockMemoryProvider.put_many(scene.standby, states) == [None]
    scene.standby.__dict__["_identity"] = "restored"


def test_a_restored_store_is_erased_again() -> None:
    """The next process that meets it, or this one; and before that nobody reads what it holds."""

    async def act(scene: Scene) -> None:
        states = await erased(scene)
        await put_back(scene, states)

        one = eraser(scene)
        await one.follow()
        link, within = scene.links["standby"], CallOptions(Deadline.after(1.0, scene.clock))
        page = await link.call(lambda store: store.page(PageQuery(owner=OWNER)), OperationClass.READ, within)
        assert page.memories == []
        await step(one)
        assert await MockMemoryProvider.snapshots(scene.standby, OWNER) == []
        assert len(await MockMemoryProvider.fences(scene.standby)) == 1

    play(act)


def test_a_store_that_seems_the_same_is_erased_again() -> None:
    """Put back to a moment after its last mark, it tells nothing of it but that it lacks the newest fence."""

    async def act(scene: Scene) -> None:
        one, identity = eraser(scene), await MockMemoryProvider.identity(scene.standby)
        states = await erased(scene)
        await one.follow()
        await step(one)
        await put_back(scene, states)
        scene.standby.__dict__["_identity"] = identity
        assert await MockMemoryProvider.snapshots(scene.standby, OWNER) != []

        scene.clock.pass_by(one.meets_every + 1.0)
        await step(one)
        assert await MockMemoryProvider.snapshots(scene.standby, OWNER) == []

    play(act)


def test_a_store_without_a_list_is_gone_through_again() -> None:
    """It can't tell at all that it was put back, and still holds nobody who was erased for longer than that."""

    async def act(scene: Scene) -> None:
        one = eraser(scene)
        keep_no_list(scene.standby)
        states = await erased(scene)
        await step(one)
        assert await MockMemoryProvider.put_many(scene.standby, states) == [None]

        await step(one)
        assert await MockMemoryProvider.snapshots(scene.standby, OWNER) != []
        scene.clock.pass_by(one.replays_every + 1.0)
        await step(one)
        assert await MockMemoryProvider.snapshots(scene.standby, OWNER) == []

    play(act)


def test_an_operator_can_replay() -> None:
    """At once, and with the number of users who were there again."""

    async def act(scene: Scene) -> None:
        states = await erased(scene)
        one = eraser(scene)
        await step(one)
        await put_back(scene, states)

        [told_of] = await one.replay(["standby"])
        assert (told_of.provider, told_of.owners, told_of.states, told_of.fences) == ("standby", 1, 1, 1)
        assert [one.states for one in await one.replay()] == [0, 0]

    play(act)


def test_a_journal_without_the_list_learns_it_from_a_store() -> None:
    """The journal was lost or put back, and a store was not."""

    async def act(scene: Scene) -> None:
        states = await erased(scene)
        await scene.journal.write(lambda connection: connection.run("DELETE FROM fences"))
        await put_back(scene, states)

        one = eraser(scene)
        await step(one)
        assert len(one.fences) == 1
        assert len((await scene.journal.fences()).fences) == 1
        await step(eraser(scene, holder="one"))
        assert await MockMemoryProvider.snapshots(scene.standby, OWNER) == []

    play(act)


def test_the_list_is_followed_by_every_process() -> None:
    """What one has erased the other hides a moment later, and mints above."""

    async def act(scene: Scene) -> None:
        await erased(scene)
        other = eraser(scene, holder="two")
        before = scene.versions.next()
        await other.follow()

        fence = other.fences.of(OWNER)
        assert fence is not None
        assert before > fence.version
        assert other.fences.of(Owner("somebody else")) is None

    play(act)


def test_fences_that_are_too_old_are_forgotten() -> None:
    """So that the list does not grow for ever."""
    fences = FenceList()
    assert not fences

    async def act(scene: Scene) -> None:
        await erased(scene)
        fences.add((await scene.journal.fences()).fences)
        assert len(fences) == 1
        fences.forget(0.0)
        assert fences
        fences.forget(scene.clock() + 1)
        assert not fences

    play(act)
