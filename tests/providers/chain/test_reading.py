"""Reads of a chain: from the first that answers, as fresh as the journal knows, and honest about what is missing."""

from collections.abc import Callable

import pytest

from observability import notes
from providers.chain.policy import OperationClass
from providers.errors import MemoryNotFound
from providers.journal.base import JournalUnavailable
from tests.providers.chain.scene import DOWN, FOREVER, USER, Scene, failure_of, key, play


def test_home_answers() -> None:
    """The notes name it, and nothing is degraded."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        await scene.forget()
        told = scene.listen()

        record = await scene.chain.get(USER, memory_id)

        assert (record.content, told.provider, told.degraded, told.eventual) == ("tea", "home", [], False)

    play(act)


def test_a_standby_answers_where_home_does_not() -> None:
    """The notes name it, and say why it was asked."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        await scene.forget()
        scene.home.failures["*"] = DOWN
        told = scene.listen()

        record = await scene.chain.get(USER, memory_id)

        assert (record.content, told.provider, told.degraded) == ("tea", "standby", ["home_unavailable"])

    play(act)


def test_a_home_that_hangs_leaves_the_standby_time_to_answer() -> None:
    """The standby is asked as well when patience ends."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        await scene.forget()
        scene.home.seconds = FOREVER
        told, started = scene.listen(), scene.clock()

        await scene.chain.list_memories(USER)
        await scene.chain.get(USER, memory_id)

        patience = scene.links["home"].patience(OperationClass.READ)
        assert told.provider == "standby"
        assert scene.clock() - started == pytest.approx(2 * patience, abs=0.1)

    play(act)


def test_what_a_standby_lacks_is_found_all_the_same() -> None:
    """By get, list and recall."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "green tea", memory_id=key())
        scene.home.failures["*"] = DOWN

        found = [
            [await scene.chain.get(USER, memory_id)],
            await scene.chain.list_memories(USER),
            await scene.chain.recall(USER, "tea"),
        ]

        assert [[record.content for record in records] for records in found] == [["green tea"]] * 3

    play(act)


def test_the_journal_answers_for_a_pending_memory() -> None:
    """The notes name it, and no provider is asked."""

    async def act(scene: Scene) -> None:
        scene.home.failures["*"] = DOWN
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        told = scene.listen()

        await scene.chain.get(USER, memory_id)

        assert told.provider == "journal"

    play(act)


def test_a_repeated_beginning_does_not_hide_what_came_after_it() -> None:
    """A write that is repeated while nobody can be asked may be older than what a provider has."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        await scene.chain.update(USER, memory_id, content="coffee")
        await scene.forget()
        for provider in scene.providers.values():
            provider.failures["*"] = DOWN
        await scene.chain.remember(USER, "tea", memory_id=memory_id)
        for provider in scene.providers.values():
            provider.failures.clear()

        listed = [record.content for record in await scene.chain.list_memories(USER)]
        assert listed == ["coffee"]
        assert (await scene.chain.get(USER, memory_id)).content == "coffee"

    play(act)


def test_what_was_deleted_is_not_shown_though_a_provider_has_it() -> None:
    """By none of get, list and recall."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        scene.home.failures["put_many"] = DOWN
        await scene.chain.delete(USER, memory_id)

        assert isinstance(await failure_of(scene.chain.get(USER, memory_id)), MemoryNotFound)
        assert await scene.chain.list_memories(USER) == await scene.chain.recall(USER, "tea") == []
        assert await scene.kept("home") == ["tea"]

    play(act)


@pytest.mark.parametrize("lose", [Scene.lose_journal, Scene.stop_journal])
def test_without_the_journal_an_answer_is_eventual(lose: Callable[[Scene], None]) -> None:
    """Something acknowledged may be missing from it, and it says so; home has the time to answer."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        lose(scene)
        told = scene.listen()

        await scene.chain.get(USER, memory_id)
        await scene.chain.list_memories(USER)
        await scene.chain.recall(USER, "tea")

        assert (told.eventual, told.degraded) == (True, ["journal_unavailable"])

    play(act)


@pytest.mark.parametrize("lose", [Scene.lose_journal, Scene.stop_journal])
def test_without_the_journal_nothing_found_is_no_answer(lose: Callable[[Scene], None]) -> None:
    """Neither absent nor empty: unknown."""

    async def act(scene: Scene) -> None:
        lose(scene)

        for asked in (
            scene.chain.get(USER, key()),
            scene.chain.list_memories(USER),
            scene.chain.recall(USER, "tea"),
        ):
            assert isinstance(await failure_of(asked), JournalUnavailable)

    play(act)


def test_a_session_gets_no_eventual_answer() -> None:
    """Who wants to find what it has written is told that this cannot be promised now."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        scene.lose_journal()
        told = scene.listen()
        told.session = "journal-1.1"

        for asked in (scene.chain.get(USER, memory_id), scene.chain.list_memories(USER)):
            assert isinstance(await failure_of(asked), JournalUnavailable)
        assert not told.eventual

    play(act)


def test_without_notes_nobody_is_told() -> None:
    """A read outside of a request is answered as any."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        notes.current.set(None)
        scene.home.failures["*"] = DOWN

        assert (await scene.chain.get(USER, memory_id)).content == "tea"
        scene.lose_journal()
        assert isinstance(await failure_of(scene.chain.list_memories(USER)), JournalUnavailable)

    play(act)


def test_a_journals_own_timeout_is_a_bug() -> None:
    """Only ours tells that it took too long."""

    async def act(scene: Scene) -> None:
        scene.runner.failure = TimeoutError("a bug")

        with pytest.raises(TimeoutError, match="a bug"):
            await scene.chain.list_memories(USER)

    play(act)
