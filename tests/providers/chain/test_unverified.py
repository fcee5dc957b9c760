"""Writes of which nobody could tell whether they repeat earlier ones: marked as long as nobody can, and harmless."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest

from providers.chain.overlay import UNVERIFIED
from providers.errors import Conflict, MemoryDeleted, MemoryNotFound, Unavailable
from providers.memory.provider import MockMemoryProvider
from providers.owners import Owner
from providers.types import NewMemory
from tests.providers.chain.scene import DOWN, USER, Scene, failure_of, key, play


@contextmanager
def _nobody(scene: Scene) -> Iterator[None]:
    """Let no provider answer for as long as the context lasts."""
    for provider in scene.providers.values():
        provider.failures["*"] = DOWN
    yield
    for provider in scene.providers.values():
        provider.failures.clear()


async def _unjudged(scene: Scene, text: str = "green tea", memory_id: str | None = None) -> str:
    """Store a memory under a key while nobody can be asked for an earlier one."""
    with _nobody(scene):
        return await scene.chain.remember(USER, text, memory_id=memory_id or key())


async def _forgotten_deletion(scene: Scene, edit_id: str) -> str:
    """Store a memory and delete it, and let the journal forget both."""
    memory_id = await scene.chain.remember(USER, "green tea", memory_id=key())
    await scene.chain.delete(USER, memory_id, edit_id=edit_id)
    await _forget_deletions(scene)
    return memory_id


async def _forget_deletions(scene: Scene) -> None:
    await scene.deliver()
    await scene.journal.forget([entry.seq for entry in await scene.journal.tombstones(10, 0.0)])


READS: dict[str, Callable[[Scene, str], Awaitable[object]]] = {
    "get": lambda scene, memory_id: scene.chain.get(USER, memory_id),
    "list": lambda scene, _: scene.chain.list_memories(USER),
    "recall": lambda scene, _: scene.chain.recall(USER, "tea"),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
class TestShown:
    """What nobody could judge is shown by every read, marked as long as it stays so."""

    def test_it_is_marked(self, read: Callable[[Scene, str], Awaitable[object]]) -> None:
        """The memory may have been changed or deleted since."""

        async def act(scene: Scene) -> None:
            memory_id = await _unjudged(scene)
            told = scene.listen()

            await read(scene, memory_id)

            assert (told.eventual, told.degraded) == (True, [UNVERIFIED])

        play(act)

    def test_what_a_provider_has_taken_is_judged(self, read: Callable[[Scene, str], Awaitable[object]]) -> None:
        """Its own state is the answer, and that is certain; so it is where the key was new to all."""

        async def act(scene: Scene) -> None:
            memory_id = await _unjudged(scene)
            await scene.deliver()
            told = scene.listen()

            await read(scene, memory_id)

            assert (told.provider, told.eventual, told.degraded) == ("home", False, [])

        play(act)


def test_it_is_marked_while_no_provider_answers() -> None:
    """The journal alone answers then."""

    async def act(scene: Scene) -> None:
        memory_id = await _unjudged(scene)
        told = scene.listen()

        with _nobody(scene):
            await scene.chain.get(USER, memory_id)

        assert (told.provider, told.eventual, UNVERIFIED in told.degraded) == ("journal", True, True)

    play(act)


def test_what_was_written_with_a_look_is_not_marked() -> None:
    """It is pending, and that is all."""

    async def act(scene: Scene) -> None:
        scene.home.failures["store_many"] = DOWN
        memory_id = await scene.chain.remember(USER, "green tea", memory_id=key())
        told = scene.listen()

        await scene.chain.get(USER, memory_id)

        assert (told.provider, told.eventual) == ("journal", False)

    play(act)


def test_a_deleted_memory_is_not_got_again() -> None:
    """The provider that is asked remembers the deletion, and the journal has forgotten it."""

    async def act(scene: Scene) -> None:
        memory_id = await _forgotten_deletion(scene, key())
        await _unjudged(scene, memory_id=memory_id)

        assert isinstance(await failure_of(scene.chain.get(USER, memory_id)), MemoryNotFound)
        assert await scene.chain.list_memories(USER) == []

    play(act)


@pytest.mark.parametrize("by_caller", [True, False], ids=["a repetition", "the relay"])
@pytest.mark.parametrize("forgotten", [False, True], ids=["known", "forgotten"])
def test_a_repeated_deletion_is_answered_as_before(by_caller: bool, forgotten: bool) -> None:  # noqa: FBT001 - parameters
    """Though a late write came between the two, and met the tombstone of the first."""

    async def act(scene: Scene) -> None:
        edit_id = key()
        memory_id = await _forgotten_deletion(scene, edit_id)
        await _unjudged(scene, memory_id=memory_id)
        if by_caller:
            late = scene.chain.remember(USER, "green tea", memory_id=memory_id)
            assert isinstance(await failure_of(late), MemoryDeleted)
        await scene.deliver()
        if forgotten:
            await _forget_deletions(scene)

        assert await scene.chain.delete(USER, memory_id, edit_id=edit_id) is True
        assert await scene.chain.delete(USER, memory_id, edit_id=key()) is False

    play(act)


def test_a_repeated_deletion_is_answered_as_before_while_the_tombstone_cannot_be_read() -> None:
    """The late write is hidden at once, and no tombstone takes the place of the first one."""

    async def act(scene: Scene) -> None:
        edit_id = key()
        memory_id = await _forgotten_deletion(scene, edit_id)
        await _unjudged(scene, memory_id=memory_id)
        scene.home.failures["snapshot"] = DOWN
        late = scene.chain.remember(USER, "green tea", memory_id=memory_id)
        assert isinstance(await failure_of(late), MemoryDeleted)
        assert await scene.chain.list_memories(USER) == []
        scene.home.failures.clear()
        await scene.deliver()

        for name in scene.providers:
            tombstone = await MockMemoryProvider.snapshot(scene.providers[name], Owner(USER), memory_id)
            assert tombstone is not None
            assert tombstone.edits == (edit_id,)
        assert await scene.chain.delete(USER, memory_id, edit_id=edit_id) is True

    play(act)


def test_a_deletion_of_it_is_repeated_with_the_same_answer() -> None:
    """And so is the one that had deleted the memory before."""

    async def act(scene: Scene) -> None:
        first, second = key(), key()
        memory_id = await _forgotten_deletion(scene, first)
        await _unjudged(scene, memory_id=memory_id)

        answers = [await scene.chain.delete(USER, memory_id, edit_id=edit) for edit in (second, second, first, first)]

        assert answers == [True] * 4

    play(act)


def test_the_first_write_is_answered_as_before() -> None:
    """Though another content took the key while nobody could be asked."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "green tea", memory_id=key())
        await scene.forget()
        await _unjudged(scene, "coffee", memory_id)

        assert await scene.chain.remember(USER, "green tea", memory_id=memory_id) == memory_id
        assert await scene.kept("home") == ["green tea"]

    play(act)


def test_which_of_two_contents_came_first_is_unknown_while_nobody_answers() -> None:
    """A conflict would be a lie that no retry gets over; in a batch nothing of it is stored twice."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "green tea", memory_id=key())
        await scene.forget()
        await _unjudged(scene, "coffee", memory_id)
        tea = NewMemory(owner=Owner(USER), content="green tea", memory_id=memory_id)

        with _nobody(scene):
            assert isinstance(await failure_of(scene.chain.store(tea)), Unavailable)
        [stored] = await scene.chain.remember_many([tea])

        assert (stored, await scene.kept("home")) == (memory_id, ["green tea"])

    play(act)


def test_another_content_is_a_conflict_where_a_provider_knows_nothing_of_the_key() -> None:
    """Then the write that nobody could judge was the first."""

    async def act(scene: Scene) -> None:
        memory_id = await _unjudged(scene, "coffee")

        assert isinstance(await failure_of(scene.chain.remember(USER, "tea", memory_id=memory_id)), Conflict)

    play(act)
