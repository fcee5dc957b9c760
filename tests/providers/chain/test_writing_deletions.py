"""Deletions in a chain: for ever, told honestly, and the same answer when they are repeated."""

import asyncio
from collections.abc import Sequence

import pytest

from providers.errors import MemoryDeleted, ProviderError, Unavailable
from providers.limits import MAX_LIST_LIMIT
from providers.types import Snapshot
from tests.providers.chain.scene import DOWN, USER, Flaky, Scene, failure_of, key, play


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


def test_everything_is_deleted_everywhere() -> None:
    """What only the journal has, what home has and what was changed; what comes later is a memory like any other."""

    async def act(scene: Scene) -> None:
        await scene.remember("tea", "coffee")
        await scene.deliver()
        scene.home.failures["*"] = DOWN
        await scene.chain.remember(USER, "milk")
        told = scene.listen()

        assert await scene.chain.delete_all(USER) == 3
        assert told.accepted
        assert await scene.chain.list_memories(USER) == []
        new = await scene.chain.remember(USER, "water")
        scene.home.failures.clear()
        await asyncio.sleep(60)
        await scene.deliver()

        assert [record.id for record in await scene.chain.list_memories(USER)] == [new]
        assert [await scene.kept(name) for name in scene.providers] == [["water"], ["water"]]
        assert await scene.chain.delete_all(USER) == 1

    play(act)


def test_two_who_delete_everything_count_the_same() -> None:
    """Each says how many are gone that it saw, so that neither takes fewer for all."""

    async def act(scene: Scene) -> None:
        await scene.remember(*map(str, range(30)))

        first, second = await asyncio.gather(scene.chain.delete_all(USER, 20), scene.chain.delete_all(USER, 20))
        assert (first, second) == (20, 20)
        assert len(await scene.chain.list_memories(USER)) == 10

    play(act)


def test_not_more_is_deleted_than_was_asked_for() -> None:
    """The newest, through several pages, with what is pending among them."""

    async def act(scene: Scene) -> None:
        oldest = await scene.chain.remember(USER, "oldest")
        await asyncio.sleep(1)
        await scene.remember(*map(str, range(MAX_LIST_LIMIT + 20)))

        assert await scene.chain.delete_all(USER, MAX_LIST_LIMIT + 20) == MAX_LIST_LIMIT + 20
        assert [record.id for record in await scene.chain.list_memories(USER)] == [oldest]

    play(act)


@pytest.mark.parametrize("lost", ["providers", "journal"])
def test_of_what_nobody_can_list_nothing_is_deleted(lost: str) -> None:
    """Rather than a part of it: no answer, and the same request may be repeated."""

    async def act(scene: Scene) -> None:
        await scene.remember("tea")
        await scene.deliver()
        if lost == "journal":
            scene.lose_journal()
        else:
            for provider in scene.providers.values():
                provider.failures["*"] = DOWN

        assert isinstance(await failure_of(scene.chain.delete_all(USER)), Unavailable)
        assert await scene.kept("home") == ["tea"]

    play(act)
