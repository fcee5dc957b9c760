"""Deletions in a chain: for ever, told honestly, and the same answer when they are repeated."""

import asyncio
from collections.abc import Sequence

import pytest

from providers.errors import MemoryDeleted, ProviderError
from providers.types import Snapshot
from tests.providers.chain.scene import DOWN, USER, Flaky, Scene, key, play


def test_a_deletion_tells_whether_there_was_something() -> None:
    """True for a memory, False for none."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())

        assert await scene.chain.delete(USER, memory_id) is True
        assert await scene.chain.delete(USER, key()) is False

    play(act)


@pytest.mark.parametrize("forgotten", [False, True])
def test_a_repeated_deletion_is_answered_as_the_first(forgotten: bool) -> None:  # noqa: FBT001 - a parameter
    """Another deletion finds nothing any more."""

    async def act(scene: Scene) -> None:
        memory_id, nothing, edit_id = await scene.chain.remember(USER, "tea", memory_id=key()), key(), key()
        await scene.chain.delete(USER, memory_id, edit_id=edit_id)
        await scene.chain.delete(USER, nothing, edit_id=edit_id)
        if forgotten:
            await scene.deliver()
            await scene.journal.forget([entry.seq for entry in await scene.journal.tombstones(10, 0.0)])

        assert await scene.chain.delete(USER, memory_id, edit_id=edit_id) is True
        assert await scene.chain.delete(USER, memory_id, edit_id=key()) is False
        assert await scene.chain.delete(USER, nothing, edit_id=edit_id) is False

    play(act)


def test_a_deletion_of_which_nobody_can_tell_is_believed() -> None:
    """And a repetition is answered in the same way."""

    async def act(scene: Scene) -> None:
        memory_id, edit_id = await scene.chain.remember(USER, "tea", memory_id=key()), key()
        await scene.forget()
        for provider in scene.providers.values():
            provider.failures["*"] = DOWN

        first = await scene.chain.delete(USER, memory_id, edit_id=edit_id)
        for provider in scene.providers.values():
            provider.failures.clear()
        await scene.deliver()

        assert (first, await scene.chain.delete(USER, memory_id, edit_id=edit_id)) == (True, True)
        assert await scene.kept("home") == []

    play(act)


def test_a_deletion_is_newer_than_what_it_deletes() -> None:
    """Even if the memory was written by somebody whose clock is ahead."""

    async def act(scene: Scene) -> None:
        ahead = scene.versions.next() + (60_000 << 16)
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key(), version=ahead)

        await scene.chain.delete(USER, memory_id)

        tombstone = await scene.home.snapshot(USER, memory_id)
        assert tombstone is not None
        assert tombstone.version > ahead

    play(act)


class _Buried(Flaky):
    """Calls a tombstone that it has already a deleted memory."""

    async def put_many(self, snapshots: Sequence[Snapshot]) -> list[ProviderError | None]:
        """Answer so."""
        return [MemoryDeleted(snapshot.id) for snapshot in snapshots]


def test_a_tombstone_that_meets_a_tombstone_is_confirmed() -> None:
    """What was wanted is there."""

    async def act(scene: Scene) -> None:
        buried = _Buried(scene.clock, "home")
        scene.links["home"].provider = buried

        await scene.chain.delete(USER, key())

        await asyncio.sleep(0.1)
        [entry] = await scene.journal.entries(USER, "standby", 10, 10)
        assert "home" not in entry.pending

    play(act)
