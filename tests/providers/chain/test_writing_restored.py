"""Changes and deletions while all stores were rolled back: each of them may have what the others lost."""

from collections.abc import Callable, Collection

import pytest
from msgspec.structs import replace

from providers.chain.route import Route
from providers.errors import MemoryNotFound, Unavailable
from providers.owners import Owner
from tests.providers.chain.scene import DOWN, USER, Scene, failure_of, key, play

OWNER = Owner(USER)


def roll_back(scene: Scene, holders: Collection[str] = ("home", "standby"), silent: Collection[str] = ()) -> None:
    """Let nobody be in sync: home goes on as it was restored."""
    links = scene.chained.route.links
    scene.chained.route = Route(
        links, frozenset(), restored=("home",), holders=frozenset(holders), silent=frozenset(silent)
    )


async def lost_at_home(scene: Scene) -> str:
    """Change the metadata of a memory, lose that at home and in the journal, and return its id."""
    memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
    before = await scene.home.snapshot(OWNER, memory_id)
    assert before is not None
    await scene.chain.update(USER, memory_id, metadata={"kind": "drink"})
    await scene.forget()
    scene.home.restore([before])
    return memory_id


def test_a_change_keeps_what_home_has_lost() -> None:
    """It begins from what all of them hold together."""

    async def act(scene: Scene) -> None:
        memory_id = await lost_at_home(scene)
        roll_back(scene)

        record = await scene.chain.update(USER, memory_id, content="coffee")

        assert (record.content, record.metadata) == ("coffee", {"kind": "drink"})
        assert (scene.told.provider, scene.told.eventual) == ("home", True)

    play(act)


def test_a_change_keeps_what_the_journal_has_lost() -> None:
    """It may have been put back together with home, and know the memory as it was before."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        await scene.deliver()
        held = await scene.standby.snapshot(OWNER, memory_id)
        assert held is not None
        later = replace(held, version=scene.versions.next(), updated_at=held.created_at, metadata={"kind": "drink"})
        await scene.standby.put_many([later])
        roll_back(scene)

        record = await scene.chain.update(USER, memory_id, content="coffee")

        assert (record.content, record.metadata) == ("coffee", {"kind": "drink"})

    play(act)


def test_what_a_stranger_holds_is_nobodys() -> None:
    """A provider that brought something along is not asked."""

    async def act(scene: Scene) -> None:
        memory_id = await lost_at_home(scene)
        roll_back(scene, holders=["home"])

        assert (await scene.chain.update(USER, memory_id, content="coffee")).metadata is None

    play(act)


def no_answer(scene: Scene) -> None:
    """Let one of the stores be out of reach."""
    scene.standby.failures["*"] = DOWN
    roll_back(scene)


def no_introduction(scene: Scene) -> None:
    """Let one of the stores not have said who it is."""
    roll_back(scene, holders=["home"], silent=["standby"])


@pytest.mark.parametrize("lose", [no_answer, no_introduction])
def test_nothing_is_changed_while_one_of_them_cannot_be_asked(lose: Callable[[Scene], None]) -> None:
    """What it alone holds would be undone."""

    async def act(scene: Scene) -> None:
        memory_id = await lost_at_home(scene)
        lose(scene)

        error = await failure_of(scene.chain.update(USER, memory_id, content="coffee"))

        assert isinstance(error, Unavailable)
        assert await scene.journal.newest(OWNER, memory_id) is None

    play(act)


def test_a_deletion_reaches_what_home_has_lost() -> None:
    """That home has no such memory does not mean that there never was one."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        await scene.forget()
        scene.home.restore([])
        roll_back(scene)

        assert await scene.chain.delete(USER, memory_id) is True
        await scene.deliver()

        held = await scene.standby.snapshot(OWNER, memory_id)
        assert held is not None
        assert held.deleted

    play(act)


def test_a_deletion_is_believed_while_one_of_them_cannot_be_asked() -> None:
    """It reaches every store in the end."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        await scene.forget()
        scene.home.restore([])
        no_introduction(scene)

        assert await scene.chain.delete(USER, memory_id) is True
        await scene.deliver()

        held = await scene.standby.snapshot(OWNER, memory_id)
        assert held is not None
        assert held.deleted

    play(act)


def test_what_none_of_them_holds_is_not_found() -> None:
    """All have been asked."""

    async def act(scene: Scene) -> None:
        roll_back(scene)

        error = await failure_of(scene.chain.update(USER, key(), content="tea"))

        assert isinstance(error, MemoryNotFound)

    play(act)
