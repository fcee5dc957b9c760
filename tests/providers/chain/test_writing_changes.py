"""Changes and deletions in a chain: whole states in the journal, and the same answer when they are repeated."""

from collections.abc import Sequence

import pytest
from msgspec import UNSET

from providers.errors import Conflict, MemoryNotFound, Rejected, Unavailable
from providers.journal.operations import Appended, Operation, OperationKind, OutOfDate
from providers.journal.sqlite.journal import SqliteJournal
from providers.owners import Owner
from providers.states.editing import EDIT_KEY_CHARS, first_state
from providers.types import NewMemory, Snapshot
from tests.providers.chain.scene import DOWN, USER, Scene, failure_of, key, play
from tests.support.chain_rig import ChainRig


def test_nothing_to_change_gives_the_memory_as_it_is() -> None:
    """No operation is appended."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())

        record = await scene.chain.update(USER, memory_id, content=UNSET)

        assert (record.content, record.updated_at, await scene.operations()) == ("tea", None, 1)

    play(act)


def test_nothing_to_change_of_what_home_knows_to_be_deleted() -> None:
    """The journal has forgotten the deletion, home has not: such a memory is not found, whatever is asked of it."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.home.remember(USER, "tea")
        await scene.home.delete(USER, memory_id)
        scene.home.failures["*"] = DOWN
        await scene.chain.remember(USER, "coffee", memory_id=memory_id)
        scene.home.failures.clear()

        assert isinstance(await failure_of(scene.chain.update(USER, memory_id, content=UNSET)), MemoryNotFound)

    play(act)


def test_an_unknown_memory_is_not_changed() -> None:
    """It is not found."""

    async def act(scene: Scene) -> None:
        assert isinstance(await failure_of(scene.chain.update(USER, key(), content="tea")), MemoryNotFound)

    play(act)


def test_a_change_of_the_content_keeps_the_metadata() -> None:
    """What is not given stays."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "tea", {"kind": "drink"}, memory_id=key())

        record = await scene.chain.update(USER, memory_id, content="coffee")

        assert (record.content, record.metadata) == ("coffee", {"kind": "drink"})
        assert record == await scene.chain.get(USER, memory_id)

    play(act)


def test_a_change_of_the_metadata_keeps_the_content() -> None:
    """What is not given stays."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "tea", {"kind": "drink"}, memory_id=key())

        record = await scene.chain.update(USER, memory_id, metadata=None)

        assert (record.content, record.metadata) == ("tea", None)

    play(act)


@pytest.mark.parametrize("forgotten", [False, True])
def test_a_repeated_change_changes_nothing_more(forgotten: bool) -> None:  # noqa: FBT001 - a parameter
    """Even if another change has come in between."""

    async def act(scene: Scene) -> None:
        memory_id, edit_id = await scene.chain.remember(USER, "tea", memory_id=key()), key()
        await scene.chain.update(USER, memory_id, content="coffee", edit_id=edit_id)
        await scene.chain.update(USER, memory_id, content="cocoa", edit_id=key())
        if forgotten:
            await scene.forget()

        record = await scene.chain.update(USER, memory_id, content="coffee", edit_id=edit_id)

        assert record.content == "cocoa"

    play(act)


@pytest.mark.parametrize("delivered", [False, True])
def test_a_change_is_repeated_after_more_changes_than_a_state_keeps(delivered: bool) -> None:  # noqa: FBT001 - a parameter
    """Each of them is answered with the memory as it is now; another change under one of the keys is a conflict."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        ids = [key() for _ in range(40)]
        for number, edit_id in enumerate(ids):
            await scene.chain.update(USER, memory_id, content=f"tea {number}", edit_id=edit_id)
            if delivered:
                await scene.deliver()
        last = await scene.journal.last_seq()

        for number, edit_id in enumerate(ids):
            record = await scene.chain.update(USER, memory_id, content=f"tea {number}", edit_id=edit_id)
            assert record.content == "tea 39"
        other = ids[0][:EDIT_KEY_CHARS] + ids[1][EDIT_KEY_CHARS:]
        assert isinstance(await failure_of(scene.chain.update(USER, memory_id, content="x", edit_id=other)), Conflict)
        assert await scene.journal.last_seq() == last

    play(act)


@pytest.mark.parametrize("forgotten", [False, True])
def test_a_change_keeps_what_a_newer_version_has_written(forgotten: bool) -> None:  # noqa: FBT001 - a parameter
    """Whoever delivers the memory, and wherever the change begins; the deletion drops it."""

    async def act(scene: Scene) -> None:
        memory_id, unknown = key(), '{"fades_at":"2027-01-01T00:00:00Z"}'
        first = NewMemory(owner=Owner(USER), content="tea", memory_id=memory_id, unknown=unknown)
        state = first_state(first, memory_id, scene.versions.next(), scene.versions.moment())
        await scene.journal.append([Operation(kind=OperationKind.REMEMBER, state=state)])
        if forgotten:
            await scene.forget()

        assert (await scene.chain.update(USER, memory_id, content="coffee")).content == "coffee"
        await scene.deliver()

        held = [await provider.snapshot(Owner(USER), memory_id) for provider in scene.providers.values()]
        assert [(one.content, one.unknown) for one in held if one is not None] == [("coffee", unknown)] * 2
        await scene.chain.delete(USER, memory_id)
        await scene.deliver()
        held = [await provider.snapshot(Owner(USER), memory_id) for provider in scene.providers.values()]
        assert [(one.deleted, one.unknown) for one in held if one is not None] == [(True, "")] * 2

    play(act)


async def unverified(scene: Scene) -> str:
    """Repeat the first write of a memory that has been changed, while nobody can be asked; return its id."""
    memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
    await scene.chain.update(USER, memory_id, metadata={"kind": "drink"})
    await scene.forget()
    for provider in scene.providers.values():
        provider.failures["*"] = DOWN
    await scene.chain.remember(USER, "tea", memory_id=memory_id)
    return memory_id


def test_a_change_does_not_begin_from_a_repeated_beginning() -> None:
    """What has come after that stays."""

    async def act(scene: Scene) -> None:
        memory_id = await unverified(scene)
        for provider in scene.providers.values():
            provider.failures.clear()

        record = await scene.chain.update(USER, memory_id, content="coffee")

        assert (record.content, record.metadata) == ("coffee", {"kind": "drink"})

    play(act)


def test_what_may_be_a_repeated_beginning_cannot_be_changed_unseen() -> None:
    """Nobody knows what has come after it."""

    async def act(scene: Scene) -> None:
        memory_id = await unverified(scene)

        assert await failure_of(scene.chain.update(USER, memory_id, content="coffee")) is DOWN

    play(act)


def test_a_beginning_that_was_none_before_is_changed() -> None:
    """The providers that can be asked again have never seen it."""

    async def act(scene: Scene) -> None:
        for provider in scene.providers.values():
            provider.failures["*"] = DOWN
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        for provider in scene.providers.values():
            provider.failures.clear()

        assert (await scene.chain.update(USER, memory_id, content="coffee")).content == "coffee"

    play(act)


def test_a_change_with_an_old_version_changes_nothing() -> None:
    """What is there is newer."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key(), version=100)

        record = await scene.chain.update(USER, memory_id, content="coffee", version=99)

        assert record.content == "tea"

    play(act)


def test_a_repeated_change_is_brought_home_if_it_is_not_there_yet() -> None:
    """What was accepted at first is stored then."""

    async def act(scene: Scene) -> None:
        memory_id, edit_id = await scene.chain.remember(USER, "tea", memory_id=key()), key()
        scene.home.failures["*"] = DOWN
        await scene.chain.update(USER, memory_id, content="coffee", edit_id=edit_id)
        scene.home.failures.clear()
        told = scene.listen()

        await scene.chain.update(USER, memory_id, content="coffee", edit_id=edit_id)

        assert (told.accepted, await scene.kept("home")) == (False, ["coffee"])

    play(act)


def test_a_deleted_memory_is_not_changed() -> None:
    """It is not found, while the journal knows of the deletion."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        await scene.chain.delete(USER, memory_id)

        assert isinstance(await failure_of(scene.chain.update(USER, memory_id, content="coffee")), MemoryNotFound)

    play(act)


def test_a_memory_that_home_deleted_meanwhile_is_not_found() -> None:
    """The tombstone that it met there is brought to the others."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        await scene.home.put_many([Snapshot(user_id=USER, id=memory_id, version=1, content=None)])

        assert isinstance(await failure_of(scene.chain.update(USER, memory_id, content="coffee")), MemoryNotFound)
        known = await scene.journal.newest(Owner(USER), memory_id)
        assert known is not None
        assert known.kind is OperationKind.DELETE

    play(act)


class _Busy(SqliteJournal):
    """Somebody else is always faster."""

    async def append(
        self, operations: Sequence[Operation], *, held: str | None = None, seconds: float = 0.0
    ) -> list[Appended | Rejected]:
        """Refuse changes."""
        if operations[0].kind is OperationKind.UPDATE:
            return [OutOfDate("too late")]
        return await super().append(operations, held=held, seconds=seconds)


def test_a_memory_that_is_changed_by_too_many_cannot_be_changed_now() -> None:
    """After some tries the caller may try again later."""

    async def act(scene: Scene) -> None:
        journal = _Busy("busy", scene.runner, scene.runner)
        chain = ChainRig(journal, scene.clock, scene.versions).chained(scene.chained.route)
        memory_id = await chain.remember(USER, "tea", memory_id=key())

        error = await failure_of(chain.update(USER, memory_id, content="coffee"))

        assert type(error) is Unavailable

    play(act)
