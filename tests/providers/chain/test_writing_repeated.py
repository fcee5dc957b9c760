"""Writes that are repeated: the same memory, the same answer, whoever still knows of the first."""

import asyncio

import pytest

from providers.errors import Conflict, MemoryDeleted
from providers.journal.operations import OperationKind
from providers.owners import Owner
from providers.types import NewMemory
from tests.providers.chain.scene import DOWN, USER, Scene, failure_of, key, play


def test_a_repeated_write_is_one_memory() -> None:
    """Its id is the same, and the journal has one operation."""

    async def act(scene: Scene) -> None:
        memory_id = key()

        answers = [await scene.chain.remember(USER, "tea", memory_id=memory_id) for _ in range(3)]

        assert answers == [memory_id] * 3
        assert (await scene.operations(), await scene.kept("home")) == (1, ["tea"])

    play(act)


def test_a_repeated_write_is_brought_home_if_it_is_not_there_yet() -> None:
    """What was accepted at first is stored then."""

    async def act(scene: Scene) -> None:
        memory_id = key()
        scene.home.failures["*"] = DOWN
        await scene.chain.remember(USER, "tea", memory_id=memory_id)
        scene.home.failures.clear()
        told = scene.listen()

        await scene.chain.remember(USER, "tea", memory_id=memory_id)

        assert (told.provider, told.accepted, await scene.kept("home")) == ("home", False, ["tea"])

    play(act)


@pytest.mark.parametrize("forgotten", [False, True], ids=["known", "forgotten"])
class TestRepeated:
    """Whether the journal still knows of the first write or has forgotten it, a second one gets the same answer."""

    def test_same_content(self, *, forgotten: bool) -> None:
        """The same write is the same memory."""

        async def act(scene: Scene) -> None:
            memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
            if forgotten:
                await scene.forget()

            assert await scene.chain.remember(USER, "tea", memory_id=memory_id) == memory_id
            assert await scene.operations() == (0 if forgotten else 1)
            assert scene.told.provider == "home"

        play(act)

    def test_other_content(self, *, forgotten: bool) -> None:
        """The same key with another content is a conflict."""

        async def act(scene: Scene) -> None:
            memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
            if forgotten:
                await scene.forget()

            assert isinstance(await failure_of(scene.chain.remember(USER, "coffee", memory_id=memory_id)), Conflict)
            assert await scene.kept("home") == ["tea"]
            alone, told = scene.told.provider, scene.listen()
            coffee = NewMemory(owner=Owner(USER), content="coffee", memory_id=memory_id)
            assert isinstance((await scene.chain.store_many([coffee]))[0], Conflict)
            assert told.provider == alone

        play(act)

    def test_deleted(self, *, forgotten: bool) -> None:
        """A key whose memory was deleted stores nothing again."""

        async def act(scene: Scene) -> None:
            memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
            await scene.chain.delete(USER, memory_id)
            if forgotten:
                await scene.deliver()
                await scene.journal.forget([entry.seq for entry in await scene.journal.tombstones(10, 0.0)])

            assert isinstance(await failure_of(scene.chain.remember(USER, "tea", memory_id=memory_id)), MemoryDeleted)

        play(act)

    def test_in_a_batch(self, *, forgotten: bool) -> None:
        """Each memory of a batch is answered as if it were alone."""

        async def act(scene: Scene) -> None:
            same = await scene.chain.remember(USER, "tea", memory_id=key())
            other = await scene.chain.remember(USER, "coffee", memory_id=key())
            if forgotten:
                await scene.forget()

            answers = await scene.chain.remember_many(
                [
                    NewMemory(owner=Owner(USER), content="tea", memory_id=same),
                    NewMemory(owner=Owner(USER), content="cocoa", memory_id=other),
                    NewMemory(owner=Owner(USER), content="milk"),
                ]
            )

            assert answers[0] == same
            assert isinstance(answers[1], Conflict)
            assert sorted(await scene.kept("home")) == ["coffee", "milk", "tea"]

        play(act)


def test_a_batch_is_looked_for_at_once() -> None:
    """The journal and a provider are asked once each, however many memories there are, of whichever users."""

    async def act(scene: Scene) -> None:
        before = await scene.chain.remember(USER, "tea", memory_id=key())
        await scene.forget()
        memories = [NewMemory(owner=Owner(USER), content=f"text {n}", memory_id=key()) for n in range(50)]
        again = NewMemory(owner=Owner(USER), content="tea", memory_id=before)
        scene.home.calls.clear()

        answers = await scene.chain.remember_many([*memories, again])

        assert answers == [*(memory.memory_id for memory in memories), before]
        assert (scene.home.calls.count("heads"), scene.home.calls.count("snapshot")) == (1, 0)
        assert await scene.operations() == len(memories)

    play(act)


def test_a_write_of_which_nobody_can_tell_is_accepted() -> None:
    """It cannot be looked for, but it can be made durable."""

    async def act(scene: Scene) -> None:
        for provider in scene.providers.values():
            provider.failures["*"] = DOWN

        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())

        assert scene.told.accepted
        assert (await scene.chain.get(USER, memory_id)).content == "tea"

    play(act)


def test_what_home_refuses_is_a_dead_letter() -> None:
    """The caller is told, and nobody tries again."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        await scene.forget()
        for provider in scene.providers.values():
            provider.failures["snapshot"] = DOWN  # so that nobody can tell what is there

        assert isinstance(await failure_of(scene.chain.remember(USER, "coffee", memory_id=memory_id)), Conflict)
        assert [(letter.provider, letter.error) for letter in await scene.dead()] == [("home", "conflict")]
        assert scene.told.token == f"{scene.journal.id}.2"

    play(act)


def test_what_home_refuses_of_a_batch_is_a_dead_letter() -> None:
    """The rest of the batch is stored."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        await scene.forget()
        for provider in scene.providers.values():
            provider.failures |= {"snapshot": DOWN, "heads": DOWN}

        answers = await scene.chain.remember_many(
            [
                NewMemory(owner=Owner(USER), content="coffee", memory_id=memory_id),
                NewMemory(owner=Owner(USER), content="milk"),
            ]
        )

        assert isinstance(answers[0], Conflict)
        assert [letter.provider for letter in await scene.dead()] == ["home"]
        assert sorted(await scene.kept("home")) == ["milk", "tea"]

    play(act)


@pytest.mark.parametrize("batch", [False, True])
def test_a_deletion_that_home_alone_remembers_is_brought_to_all(batch: bool) -> None:  # noqa: FBT001 - a parameter
    """What comes late is refused, and the others get the tombstone."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        await scene.chain.delete(USER, memory_id)
        await scene.deliver()
        await scene.journal.forget([entry.seq for entry in await scene.journal.tombstones(10, 0.0)])
        for provider in scene.providers.values():
            provider.failures["snapshot"] = DOWN

        late = NewMemory(owner=Owner(USER), content="tea", memory_id=memory_id)
        if batch:
            [error] = await scene.chain.remember_many([late])
        else:
            error = await failure_of(scene.chain.remember(USER, "tea", memory_id=memory_id))

        known = await scene.journal.newest(Owner(USER), memory_id)
        assert isinstance(error, MemoryDeleted)
        assert known is not None
        assert known.kind is OperationKind.DELETE

    play(act)


def test_what_home_refuses_is_not_shown() -> None:
    """Its caller was told that it was not stored."""

    async def act(scene: Scene) -> None:
        memory_id = await refused(scene)

        assert (await scene.chain.get(USER, memory_id)).content == "tea"

    play(act)


def test_a_change_does_not_begin_from_what_home_refused() -> None:
    """It keeps the content that is there."""

    async def act(scene: Scene) -> None:
        memory_id = await refused(scene)

        await scene.chain.update(USER, memory_id, metadata={"kind": "drink"})

        assert await scene.kept("home") == ["tea"]

    play(act)


def test_what_home_refused_does_not_take_the_key() -> None:
    """Who repeats the first write is answered as before."""

    async def act(scene: Scene) -> None:
        memory_id = await refused(scene)

        assert await scene.chain.remember(USER, "tea", memory_id=memory_id) == memory_id

    play(act)


async def refused(scene: Scene) -> str:
    """Let home refuse a content that is new under its key, and return the key."""
    memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
    await scene.forget()
    for provider in scene.providers.values():
        provider.failures["snapshot"] = DOWN  # so that nobody can tell what is there, until it is written
        provider.healing.add("store_many")
    assert isinstance(await failure_of(scene.chain.remember(USER, "coffee", memory_id=memory_id)), Conflict)
    for provider in scene.providers.values():
        provider.failures.clear()
    await asyncio.sleep(0.1)
    return memory_id
