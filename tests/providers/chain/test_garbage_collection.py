"""Garbage collection: what need not be kept is forgotten, and what was deleted and came back is found."""

import asyncio
from collections.abc import Sequence

import pytest

from providers.chain.garbage_collection import GarbageCollector
from providers.chain.link import Link
from providers.chain.policy import RetentionPolicy
from providers.memory.provider import MockMemoryProvider
from providers.owners import Owner
from providers.types import Snapshot
from tests.providers.chain.scene import DOWN, USER, Scene, key, play
from tests.support.frail import FrailProvider

POLICY = RetentionPolicy(keep=60.0, every=10.0)


def collector(scene: Scene, holder: str = "one", *, in_reach: bool = True) -> GarbageCollector:
    """Return a garbage collector over all providers of a scene."""

    async def links() -> Sequence[Link] | None:
        return list(scene.links.values()) if in_reach else None

    return GarbageCollector(holder, scene.journal, links, POLICY, now=scene.clock)


async def live_snapshot(provider: FrailProvider, owner: Owner, memory_id: str) -> Snapshot | None:
    """Return a live memory alone, as a store does that keeps no tombstones."""
    state = await MockMemoryProvider.snapshot(provider, owner, memory_id)
    return None if state is None or state.deleted else state


async def deleted(scene: Scene) -> str:
    """Delete a memory everywhere, and return its id."""
    memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
    await scene.chain.delete(USER, memory_id)
    await scene.deliver()
    return memory_id


async def tombstones(scene: Scene) -> int:
    """Return how many tombstones the journal keeps."""
    return (await scene.journal.status()).tombstones


def test_what_everybody_has_is_forgotten_after_a_while() -> None:
    """Not before it is old enough."""

    async def act(scene: Scene) -> None:
        await scene.chain.remember(USER, "tea")
        await scene.deliver()
        await collector(scene).collect()
        before = await scene.operations()
        await asyncio.sleep(POLICY.keep)
        await collector(scene).collect()

        assert (before, await scene.operations()) == (1, 0)

    play(act)


def test_a_tombstone_without_a_copy_is_forgotten_after_a_while() -> None:
    """Not before it is old enough."""

    async def act(scene: Scene) -> None:
        await deleted(scene)
        await collector(scene).collect()
        before = await tombstones(scene)
        await asyncio.sleep(POLICY.keep)
        await collector(scene).collect()

        assert (before, await tombstones(scene)) == (1, 0)

    play(act)


def test_a_copy_that_came_back_is_deleted_once_more() -> None:
    """The tombstone is kept until it is gone."""

    async def act(scene: Scene) -> None:
        memory_id = await deleted(scene)
        returned = MockMemoryProvider(scene.versions)
        await returned.remember(USER, "tea", memory_id=memory_id)
        scene.links["standby"].provider = returned
        await asyncio.sleep(POLICY.keep)

        await collector(scene).collect()
        kept = await tombstones(scene)
        await scene.deliver()
        await asyncio.sleep(POLICY.keep)
        await collector(scene).collect()

        assert (kept, await tombstones(scene)) == (1, 0)
        assert await returned.list_memories(USER) == []

    play(act)


def test_a_tombstone_is_kept_while_somebody_does_not_answer() -> None:
    """Nobody knows whether there is a copy."""

    async def act(scene: Scene) -> None:
        await deleted(scene)
        scene.standby.failures["*"] = DOWN
        await asyncio.sleep(POLICY.keep)

        await collector(scene).collect()

        assert await tombstones(scene) == 1

    play(act)


def test_a_tombstone_is_kept_while_somebody_is_out_of_reach() -> None:
    """Another process has a provider in its order that this one does not know."""

    async def act(scene: Scene) -> None:
        await deleted(scene)
        await asyncio.sleep(POLICY.keep)

        await collector(scene, in_reach=False).collect()

        assert await tombstones(scene) == 1

    play(act)


@pytest.mark.parametrize("in_reach", [True, False])
def test_a_trace_is_forgotten_though_somebody_does_not_answer(in_reach: bool) -> None:  # noqa: FBT001 - a parameter
    """Nobody had the memory, and ids can be made up without end; but not before it is old enough."""

    async def act(scene: Scene) -> None:
        await deleted(scene)
        await scene.chain.delete(USER, key())
        scene.standby.failures["*"] = DOWN
        await asyncio.sleep(POLICY.keep - 1)
        await scene.chain.delete(USER, key())
        await collector(scene, in_reach=in_reach).collect()
        before = await tombstones(scene)
        await asyncio.sleep(1)
        await collector(scene, in_reach=in_reach).collect()

        assert (before, await tombstones(scene)) == (3, 2)

    play(act)


def test_a_trace_that_is_repeated_is_as_young_as_the_repetition() -> None:
    """That has been acknowledged, too."""

    async def act(scene: Scene) -> None:
        memory_id = key()
        await scene.chain.delete(USER, memory_id)
        await asyncio.sleep(POLICY.keep - 1)
        await scene.chain.delete(USER, memory_id)
        await asyncio.sleep(POLICY.keep - 1)
        await collector(scene).collect()
        before = await tombstones(scene)
        await asyncio.sleep(1)
        await collector(scene).collect()

        assert (before, await tombstones(scene)) == (1, 0)

    play(act)


def test_a_copy_of_what_never_was_is_deleted() -> None:
    """Home was wrong, as it may be out of a backup: what is hidden meanwhile is gone everywhere in the end."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.standby.remember(USER, "tea", memory_id=key(), version=1)
        assert await scene.chain.delete(USER, memory_id) is False
        scene.home.failures["*"] = DOWN
        assert await scene.chain.list_memories(USER) == []
        scene.home.failures.clear()
        await asyncio.sleep(POLICY.keep)

        await collector(scene).collect()
        await scene.deliver()

        assert await scene.kept("standby") == []
        assert await tombstones(scene) == 1

    play(act)


def test_a_store_without_tombstones_is_clean() -> None:
    """There is nothing to be found."""

    async def act(scene: Scene) -> None:
        scene.standby.instead["snapshot"] = live_snapshot
        await deleted(scene)
        await asyncio.sleep(POLICY.keep)

        await collector(scene).collect()

        assert await tombstones(scene) == 0

    play(act)


def test_many_tombstones_are_swept_in_one_go() -> None:
    """More than fit into one batch."""

    async def act(scene: Scene) -> None:
        for _ in range(250):
            await scene.chain.delete(USER, key())
        await scene.deliver()
        await asyncio.sleep(POLICY.keep)

        await collector(scene).collect()

        assert await tombstones(scene) == 0

    play(act)


def test_one_process_sweeps_for_all() -> None:
    """Others have nothing to do while it is there."""

    async def act(scene: Scene) -> None:
        await deleted(scene)
        await asyncio.sleep(POLICY.keep)
        scene.standby.calls.clear()

        tasks = [asyncio.create_task(collector(scene, holder).run()) for holder in ("one", "other")]
        await asyncio.sleep(POLICY.every)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

        assert scene.standby.calls == ["snapshot"]
        assert await tombstones(scene) == 0

    play(act)


def test_without_the_journal_a_sweep_is_put_off() -> None:
    """It is made up for later."""

    async def act(scene: Scene) -> None:
        await deleted(scene)
        await asyncio.sleep(POLICY.keep)
        scene.lose_journal()
        task = asyncio.create_task(collector(scene).run())
        await asyncio.sleep(1)
        scene.find_journal()
        await asyncio.sleep(POLICY.every)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        assert await tombstones(scene) == 0

    play(act)
