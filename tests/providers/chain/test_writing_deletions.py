"""Deletions in a chain: for ever, told honestly, and the same answer when they are repeated."""

import asyncio
from uuid import UUID

import pytest

from providers.chain.route import Route
from providers.errors import MemoryDeleted, MemoryNotFound, Unavailable
from providers.limits import MAX_LIST_LIMIT
from providers.memory.provider import MockMemoryProvider
from providers.owners import Owner
from providers.types import Snapshot
from tests.providers.chain.scene import DOWN, USER, Scene, failure_of, key, play
from tests.support.frail import each


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


def test_who_deletes_once_more_does_not_become_who_deleted_first() -> None:
    """Also when only the providers know of the first: both are answered as they were, however often they ask."""

    async def act(scene: Scene) -> None:
        memory_id, first, second = await scene.chain.remember(USER, "tea", memory_id=key()), key(), key()
        await scene.chain.delete(USER, memory_id, edit_id=first)
        await scene.deliver()
        await scene.journal.forget([entry.seq for entry in await scene.journal.tombstones(10, 0.0)])

        answers = [await scene.chain.delete(USER, memory_id, edit_id=edit) for edit in (second, second, first, second)]

        assert answers == [False, False, True, False]

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

        tombstone = await scene.home.snapshot(Owner(USER), memory_id)
        assert tombstone is not None
        assert tombstone.version > ahead

    play(act)


def test_a_tombstone_that_meets_a_tombstone_is_confirmed() -> None:
    """What was wanted is there."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        scene.home.instead["put_many"] = each(lambda state: MemoryDeleted(state.id))

        await scene.chain.delete(USER, memory_id)

        await asyncio.sleep(0.1)
        [entry] = await scene.journal.entries(Owner(USER), "standby", 10, 10)
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


async def _rows(scene: Scene, memory_id: str) -> list[Snapshot | None]:
    """Return the state that each provider holds under an id in the end."""
    await asyncio.sleep(60)
    await scene.deliver()
    return [await MockMemoryProvider.snapshot(one, Owner(USER), memory_id) for one in scene.providers.values()]


def test_the_trace_of_what_never_was_is_the_journals_alone() -> None:
    """No provider gets a row, whoever asks how often; and an earlier write that comes late finds it deleted."""

    async def act(scene: Scene) -> None:
        memory_id, edit_id = key(), key()

        assert await scene.chain.delete(USER, memory_id, edit_id=edit_id) is False
        assert (scene.told.provider, scene.told.accepted, scene.told.token) == ("home", False, "journal-1.1")
        assert await scene.chain.delete(USER, memory_id, edit_id=edit_id) is False
        assert await scene.chain.delete(USER, memory_id) is False
        assert isinstance(await failure_of(scene.chain.remember(USER, "tea", memory_id=memory_id)), MemoryDeleted)
        assert isinstance(await failure_of(scene.chain.update(USER, memory_id, content="tea")), MemoryNotFound)
        assert await _rows(scene, memory_id) == [None, None]
        assert await scene.chain.list_memories(USER) == []
        assert await scene.operations() == 1

    play(act)


@pytest.mark.parametrize("first", ["remember", "delete"])
def test_of_a_first_write_and_a_deletion_at_once_the_deletion_wins(first: str) -> None:
    """Both have looked and found nothing before either of them comes to the journal."""

    async def act(scene: Scene) -> None:
        memory_id = key()
        scene.home.seconds = 0.05
        tasks = {
            name: asyncio.create_task(call)
            for name, call in sorted(
                {
                    "remember": scene.chain.remember(USER, "tea", memory_id=memory_id),
                    "delete": scene.chain.delete(USER, memory_id),
                }.items(),
                key=lambda item: item[0] != first,
            )
        }
        answers = dict(zip(tasks, await asyncio.gather(*tasks.values(), return_exceptions=True), strict=True))

        assert scene.home.calls[:2] == ["snapshot", "snapshot"]
        assert answers["delete"] is (first == "remember")
        assert answers["remember"] == memory_id or isinstance(answers["remember"], MemoryDeleted)
        if first == "delete":
            assert isinstance(answers["remember"], MemoryDeleted)
        rows = await _rows(scene, memory_id)
        assert [row is not None and row.deleted for row in rows] == [first == "remember"] * 2
        assert await scene.chain.list_memories(USER) == []

    play(act)


@pytest.mark.parametrize("witness", ["standby", "nobody", "presumed", "journal"])
def test_without_homes_own_word_everybody_gets_a_tombstone(witness: str) -> None:
    """It may have what others lack; and what the journal knows of may be anywhere."""

    async def act(scene: Scene) -> None:
        memory_id = key()
        failing = {"standby": [scene.home], "nobody": list(scene.providers.values())}
        for provider in failing.get(witness, []):
            provider.failures["snapshot"] = DOWN
        if witness == "presumed":
            scene.chained.route = Route(scene.chained.route.links, frozenset({"home"}), presumed=True)
        if witness == "journal":
            await scene.chain.remember(USER, "tea", memory_id=memory_id)

        existed = await scene.chain.delete(USER, memory_id)
        for provider in scene.providers.values():
            provider.failures.clear()

        assert existed is (witness != "standby")
        assert all(row is not None and row.deleted for row in await _rows(scene, memory_id))

    play(act)


def test_what_never_was_is_as_good_as_new_when_it_is_forgotten() -> None:
    """An earlier write cannot be under way any more; whoever repeats the deletion gets the same answer."""

    async def act(scene: Scene) -> None:
        memory_id, edit_id = key(), key()
        await scene.chain.delete(USER, memory_id, edit_id=edit_id)
        await scene.journal.forget([entry.seq for entry in await scene.journal.tombstones(10, 0.0)])

        assert await scene.chain.delete(USER, memory_id, edit_id=edit_id) is False
        await scene.journal.forget([entry.seq for entry in await scene.journal.tombstones(10, 0.0)])
        assert await scene.chain.remember(USER, "tea", memory_id=memory_id) == memory_id

    play(act)


def test_a_clock_that_is_ahead_dates_nothing() -> None:
    """Neither what is stored next nor what is edited, in any provider; and all of them agree."""

    async def act(scene: Scene) -> None:
        ahead = scene.versions.next() + (172_800_000 << 16)
        wrong = await scene.chain.remember(USER, "tea", memory_id=key(), version=ahead)
        edited = await scene.chain.update(USER, wrong, content="coffee")
        memory_id = await scene.chain.remember(USER, "milk")
        now, now_ms = scene.versions.moment(), scene.versions.milliseconds()
        await scene.deliver()

        states = [await one.snapshot(Owner(USER), memory_id) for one in scene.providers.values()]
        assert states[0] == states[1] is not None
        assert states[0] is not None
        assert states[0].version > ahead
        assert states[0].created_at == edited.created_at == edited.updated_at == now
        assert UUID(memory_id).int >> 80 == now_ms
        assert [await one.list_memories(USER) for one in scene.providers.values()] == [
            await scene.chain.list_memories(USER)
        ] * 2

    play(act)
