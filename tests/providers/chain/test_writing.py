"""Writes of a chain: durable in the journal first, told of honestly, and the same again when they are repeated."""

import asyncio

import pytest

from observability import notes
from providers.errors import TimedOut, Unavailable
from providers.expectations import MOST_TRY
from providers.journal.base import JournalUnavailable
from providers.owners import Owner
from providers.types import NewMemory
from tests.providers.chain.scene import DOWN, FOREVER, USER, Scene, failure_of, key, play


def test_a_write_that_home_confirms_is_stored() -> None:
    """The notes name home, and nothing is degraded."""

    async def act(scene: Scene) -> None:
        await scene.chain.remember(USER, "tea")

        told = scene.told
        assert (told.provider, told.accepted, told.degraded, told.eventual) == ("home", False, [], False)

    play(act)


def test_a_write_gives_a_token() -> None:
    """It names the journal and how far the caller's writes have come."""

    async def act(scene: Scene) -> None:
        await scene.chain.remember(USER, "tea")
        await scene.chain.remember(USER, "coffee")

        assert scene.told.token == "journal-1.2"

    play(act)


def test_a_standby_is_not_waited_for() -> None:
    """It gets a write from the relay, later."""

    async def act(scene: Scene) -> None:
        await scene.chain.remember(USER, "tea")
        asked = list(scene.standby.calls)
        await scene.deliver()

        assert (asked, await scene.kept("standby")) == ([], ["tea"])

    play(act)


@pytest.mark.parametrize(
    ("failure", "reason"), [(DOWN, "home_unavailable"), (TimedOut("slow", ambiguous=True), "home_timeout")]
)
def test_a_write_that_home_does_not_confirm_is_accepted(failure: Unavailable, reason: str) -> None:
    """The notes say so, and why."""

    async def act(scene: Scene) -> None:
        scene.home.failures["*"] = failure

        await scene.chain.remember(USER, "tea")

        told = scene.told
        assert (told.provider, told.accepted, told.degraded) == ("journal", True, [reason])

    play(act)


def test_a_write_is_accepted_while_nobody_is_complete() -> None:
    """The notes say that home is incomplete."""

    async def act(scene: Scene) -> None:
        scene.chained.route = scene.chained.route.only("nobody")

        await scene.chain.remember(USER, "tea")
        await scene.chain.remember_many([NewMemory(owner=Owner(USER), content="coffee")])

        assert (scene.told.accepted, scene.told.degraded) == (True, ["home_incomplete"])

    play(act)


def test_nothing_is_accepted_without_the_journal() -> None:
    """The write fails, and home has nothing of it."""

    async def act(scene: Scene) -> None:
        scene.lose_journal()

        assert isinstance(await failure_of(scene.chain.remember(USER, "tea")), JournalUnavailable)
        assert await scene.kept("home") == []

    play(act)


def test_the_callers_patience_ends_the_wait_for_home() -> None:
    """What is durable is accepted then."""

    async def act(scene: Scene) -> None:
        scene.home.seconds = FOREVER
        scene.told.patience = 0.3
        started = scene.clock()

        await scene.chain.remember(USER, "tea")

        assert scene.told.accepted
        assert scene.clock() - started == pytest.approx(0.3)

    play(act)


def test_a_slow_journal_is_none() -> None:
    """Nobody waits for it beyond the deadline; whether something was written is not known."""

    async def act(scene: Scene) -> None:
        scene.runner.seconds_before = FOREVER

        error = await failure_of(scene.chain.remember(USER, "tea"))

        assert isinstance(error, JournalUnavailable)
        assert error.ambiguous
        scene.runner.seconds_before = 0

    play(act)


def test_a_batch_is_stored_in_its_order() -> None:
    """The ids stand where their memories stood."""

    async def act(scene: Scene) -> None:
        texts = [f"memory {number}" for number in range(20)]

        ids = await scene.chain.remember_many([NewMemory(owner=Owner(USER), content=text) for text in texts])

        assert [(await scene.chain.get(USER, str(memory_id))).content for memory_id in ids] == texts
        assert scene.home.calls.count("store_many") == 1

    play(act)


def test_a_batch_that_home_does_not_confirm_is_accepted() -> None:
    """All of it is durable, and found."""

    async def act(scene: Scene) -> None:
        scene.home.failures["*"] = DOWN

        ids = await scene.chain.remember_many(
            [NewMemory(owner=Owner(USER), content=text) for text in ("tea", "coffee")]
        )

        assert all(isinstance(memory_id, str) for memory_id in ids)
        assert (scene.told.accepted, scene.told.degraded) == (True, ["home_unavailable"])
        await scene.deliver()
        assert sorted(await scene.kept("standby")) == ["coffee", "tea"]

    play(act)


def test_a_batch_that_is_there_already_is_stored() -> None:
    """The journal knows that home has confirmed it, so nobody is asked."""

    async def act(scene: Scene) -> None:
        memory = NewMemory(owner=Owner(USER), content="tea", memory_id=key())
        await scene.chain.remember_many([memory])
        await asyncio.sleep(0.1)  # the settlement is under way
        told, asked = scene.listen(), len(scene.home.calls)

        assert await scene.chain.remember_many([memory]) == [memory.memory_id]
        assert (told.provider, told.accepted, len(scene.home.calls)) == ("home", False, asked)

    play(act)


def test_a_batch_of_what_is_forgotten_and_there_is_stored() -> None:
    """Then there is nothing to append and nothing to bring."""

    async def act(scene: Scene) -> None:
        memory = NewMemory(owner=Owner(USER), content="tea", memory_id=key())
        await scene.chain.remember_many([memory])
        await scene.forget()

        assert await scene.chain.remember_many([memory]) == [memory.memory_id]
        assert await scene.operations() == 0

    play(act)


def test_a_home_that_hangs_leaves_the_relay_to_finish() -> None:
    """While home may be busy with a write nobody else brings it there; afterwards somebody does."""

    async def act(scene: Scene) -> None:
        scene.home.seconds = FOREVER
        scene.told.patience = 0.2
        await scene.chain.remember(USER, "tea")
        scene.home.seconds = 0

        await asyncio.sleep(0.01)
        await scene.deliver()
        asked = scene.home.calls.count("store_many")
        await asyncio.sleep(MOST_TRY)
        await scene.deliver()

        assert asked == 1
        assert await scene.kept("home") == ["tea"]

    play(act)


def test_without_notes_nobody_is_told() -> None:
    """A write outside of a request is made as any."""

    async def act(scene: Scene) -> None:
        notes.current.set(None)
        memory = NewMemory(owner=Owner(USER), content="tea", memory_id=key())
        for _ in range(2):
            await scene.chain.remember_many([memory])
        scene.home.failures["*"] = DOWN
        await scene.chain.remember(USER, "coffee")

        assert sorted(record.content for record in await scene.chain.list_memories(USER)) == ["coffee", "tea"]

    play(act)
