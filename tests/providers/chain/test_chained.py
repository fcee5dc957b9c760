"""The chain as a provider: what breaks a rule reaches nobody, batches are answered item by item, and its health."""

import pytest
from msgspec import UNSET

from providers.base import MemoryProvider
from providers.chain.chained import ChainHealth
from providers.chain.route import Route
from providers.errors import InvalidInput, MemoryNotFound, TimedOut, Unavailable
from providers.health import Health
from providers.owners import Owner
from providers.types import NewMemory, RecallQuery
from tests.providers.chain.scene import DOWN, FOREVER, USER, Scene, failure_of, key, play
from tests.support.frail import FrailProvider


async def ill(_provider: FrailProvider) -> Health:
    """Answer that the provider is unwell."""
    return Health(healthy=False, provider="Ill", error="unwell")


def test_a_chain_is_a_provider() -> None:
    """Its callers cannot tell the difference."""

    async def act(scene: Scene) -> None:
        assert isinstance(scene.chain, MemoryProvider)

    play(act)


def test_an_id_has_one_written_form() -> None:
    """In upper case it names the same memory."""

    async def act(scene: Scene) -> None:
        memory_id = key()

        stored = await scene.chain.remember(USER, "tea", memory_id=memory_id.upper())

        assert stored == memory_id
        assert (await scene.chain.get(USER, memory_id.upper())).id == memory_id
        assert (await scene.chain.update(USER, memory_id.upper(), content="coffee")).id == memory_id
        assert await scene.chain.delete(USER, memory_id.upper(), edit_id=key().upper()) is True

    play(act)


def test_what_breaks_a_rule_reaches_nobody() -> None:
    """Neither the journal nor a provider."""

    async def act(scene: Scene) -> None:
        chain, memory_id = scene.chain, key()
        asked = [
            chain.remember("", "tea"),
            chain.remember(USER, " "),
            chain.remember(USER, "tea", memory_id="7"),
            chain.recall(USER, ""),
            chain.list_memories(USER, 0),
            chain.get(USER, "7"),
            chain.update(USER, memory_id, content=""),
            chain.update(USER, memory_id, metadata={"a": float("nan")}),
            chain.delete("", memory_id),
            chain.remember_many([]),
            chain.recall_many([]),
        ]

        assert [type(await failure_of(one)) for one in asked] == [InvalidInput] * len(asked)
        assert (await scene.operations(), scene.home.calls) == (0, [])

    play(act)


def test_of_a_batch_what_breaks_a_rule_is_refused() -> None:
    """The others are stored."""

    async def act(scene: Scene) -> None:
        first, bad, last = await scene.chain.remember_many(
            [NewMemory(owner=Owner(USER), content=text) for text in ("tea", " ", "coffee")]
        )

        assert isinstance(bad, InvalidInput)
        assert isinstance(first, str)
        assert isinstance(last, str)
        assert sorted(await scene.kept("home")) == ["coffee", "tea"]

    play(act)


def test_of_a_batch_nothing_may_be_right() -> None:
    """Then nobody is asked."""

    async def act(scene: Scene) -> None:
        answers = await scene.chain.remember_many([NewMemory(owner=Owner(USER), content="", memory_id=key())])

        assert [type(answer) for answer in answers] == [InvalidInput]
        assert scene.home.calls == []

    play(act)


def test_many_questions_are_answered_one_by_one() -> None:
    """In their order; what breaks a rule is refused, and if nobody can answer any of them, all are."""

    async def act(scene: Scene) -> None:
        await scene.chain.remember(USER, "green tea")
        queries = [RecallQuery(owner=Owner(USER), query=text) for text in ("tea", " ", "unheard of")]

        found, refused, empty = await scene.chain.recall_many(queries)

        assert isinstance(found, list)
        assert [record.content for record in found] == ["green tea"]
        assert isinstance(refused, InvalidInput)
        assert empty == []

        for provider in scene.providers.values():
            provider.failures["*"] = DOWN
        assert isinstance(await failure_of(scene.chain.recall_many([queries[0], queries[2]])), Unavailable)

    play(act)


def test_patience_is_for_all_questions_together() -> None:
    """Those whose turn comes too late are refused, and nobody waits longer than he said."""

    async def act(scene: Scene) -> None:
        await scene.chain.remember(USER, "green tea")
        scene.home.seconds = scene.standby.seconds = 0.15
        told = scene.listen()
        told.patience = 1.0
        began = scene.clock()

        answers = await scene.chain.recall_many([RecallQuery(owner=Owner(USER), query="tea")] * 100)

        assert scene.clock() - began <= told.patience
        assert isinstance(answers[0], list)
        assert isinstance(answers[-1], Unavailable)

    play(act)


@pytest.mark.parametrize(("questions", "seconds"), [(10, 10.0), (11, 20.0), (100, 30.0)])
def test_no_batch_of_questions_lasts_longer_than_its_size_allows(questions: int, seconds: float) -> None:
    """However long each of them is waited for: they have one deadline together."""

    async def act(scene: Scene) -> None:
        scene.home.seconds = scene.standby.seconds = FOREVER
        began = scene.clock()

        error = await failure_of(scene.chain.recall_many([RecallQuery(owner=Owner(USER), query="tea")] * questions))

        assert scene.clock() - began == pytest.approx(seconds)
        assert isinstance(error, TimedOut)

    play(act)


def test_a_change_of_nothing_changes_nothing() -> None:
    """Of a memory that is not there it is an error all the same."""

    async def act(scene: Scene) -> None:
        assert isinstance(await failure_of(scene.chain.update(USER, key(), content=UNSET)), MemoryNotFound)

    play(act)


def test_a_chain_is_healthy_while_somebody_can_answer() -> None:
    """It tells how each of its providers is."""

    async def act(scene: Scene) -> None:
        scene.home.instead["health_check"] = ill

        health = await scene.chained.health_check()

        assert (health.healthy, health.provider, health.error) == (True, "ChainedProvider", None)
        assert {name: one.healthy for name, one in health.providers.items()} == {"home": False, "standby": True}

    play(act)


@pytest.mark.parametrize("complete", [frozenset({"home"}), frozenset()])
def test_a_chain_is_not_healthy_while_nobody_can_answer(complete: frozenset[str]) -> None:
    """Neither who is ill nor who has not received everything counts."""

    async def act(scene: Scene) -> None:
        scene.home.instead["health_check"] = ill
        scene.chained.route = Route(scene.chained.route.links, complete)

        health = await scene.chained.health_check()

        assert isinstance(health, ChainHealth)
        assert not health.healthy
        assert health.error is not None

    play(act)
