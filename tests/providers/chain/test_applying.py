"""Operations brought to a provider, each in the way of its kind."""

from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from providers.chain.applying import Change, apply_all, propagated
from providers.chain.deadline import CallOptions, Deadline
from providers.chain.policy import OperationClass
from providers.errors import Conflict, MemoryDeleted
from providers.journal.operations import OperationKind
from providers.labels import Labels
from providers.owners import Owner
from providers.source import WriteSource, attributes_of
from providers.states.digests import digest_of
from providers.states.editing import first_state, first_write_of
from providers.types import NewMemory, Snapshot
from tests.providers.chain.scene import DOWN, USER, Scene, failure_of, key, play

MOMENT = datetime(2026, 3, 1, tzinfo=UTC)


def _change(kind: OperationKind, content: str | None, memory_id: str | None = None, version: int = 1) -> Change:
    state = Snapshot(
        user_id=USER,
        id=memory_id or key(),
        version=version,
        content=content,
        created_at=MOMENT,
        digest=b"" if content is None else digest_of(content, None),
    )
    return Change(kind, state)


REMEMBER, UPDATE, DELETE = OperationKind


def test_outcomes_stand_in_the_order_of_the_changes() -> None:
    """Though new memories and states go to the provider in two calls."""

    async def act(scene: Scene) -> None:
        taken = _change(REMEMBER, "tea")
        await scene.home.remember(USER, "coffee", memory_id=taken.state.id)
        changes = [
            _change(UPDATE, "one"),
            taken,
            _change(DELETE, None),
            _change(REMEMBER, "two"),
        ]

        outcomes = await apply_all(
            scene.links["home"], changes, OperationClass.REPLAY, CallOptions(Deadline.after(1, scene.clock))
        )

        assert [type(outcome) for outcome in outcomes] == [type(None), Conflict, type(None), type(None)]
        assert sorted(await scene.kept("home")) == ["coffee", "one", "two"]

    play(act)


def test_a_late_memory_does_not_come_back_from_the_dead() -> None:
    """Where a tombstone is, both a new memory and an edited one meet it."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.home.remember(USER, "tea", memory_id=key())
        await scene.home.delete(USER, memory_id)

        outcomes = await apply_all(
            scene.links["home"],
            [_change(REMEMBER, "tea", memory_id), _change(UPDATE, "tea", memory_id)],
            OperationClass.REPLAY,
            CallOptions(Deadline.after(1, scene.clock)),
        )

        assert [type(outcome) for outcome in outcomes] == [MemoryDeleted, MemoryDeleted]

    play(act)


def test_one_change_is_told_what_it_meets() -> None:
    """A new memory a conflict, an edited one a tombstone."""

    async def act(scene: Scene) -> None:
        link, turn = scene.links["home"], CallOptions(Deadline.after(1, scene.clock))
        taken, gone = [await scene.home.remember(USER, text, memory_id=key()) for text in ("coffee", "milk")]
        await scene.home.delete(USER, gone)

        [met] = await apply_all(link, [_change(REMEMBER, "tea", taken)], OperationClass.REMEMBER, turn)
        assert isinstance(met, Conflict)
        [met] = await apply_all(link, [_change(UPDATE, "tea", gone)], OperationClass.REMEMBER, turn)
        assert isinstance(met, MemoryDeleted)

    play(act)


def test_nothing_is_known_of_a_batch_that_did_not_arrive() -> None:
    """Its failure is raised."""

    async def act(scene: Scene) -> None:
        scene.home.failures["*"] = DOWN
        deadline = CallOptions(Deadline.after(1, scene.clock))

        asked = apply_all(scene.links["home"], [_change(UPDATE, "tea")], OperationClass.REPLAY, deadline)

        assert await failure_of(asked) is DOWN

    play(act)


def test_a_burial_is_a_tombstone_of_the_same_memory() -> None:
    """Without anything of what it said."""
    state = _change(REMEMBER, "tea", version=7).state

    burial = propagated(state)

    assert burial.kind is DELETE
    assert burial.state == Snapshot(user_id=USER, id=state.id, version=7, content=None, created_at=MOMENT)


def test_a_live_state_is_what_was_remembered() -> None:
    """With the id, versions, moment and labels that it has."""
    state = replace(_change(REMEMBER, "tea", version=7).state, first_version=5, session="one")

    assert first_write_of(state) == NewMemory(
        owner=Owner(USER),
        content="tea",
        memory_id=state.id,
        version=7,
        created_at=MOMENT,
        first_version=5,
        session="one",
    )


def test_all_that_a_memory_has_survives_its_journal() -> None:
    """Each label, the key and the source go from the write into the state, and from there to the provider."""
    given: dict[str, Any] = {name: f"the {name}" for name in Labels.__struct_fields__}
    source = WriteSource(origin="tool", caller="a caller", key="a key", at=MOMENT)
    memory = NewMemory(owner=Owner(USER), content="tea", source=source, **given)

    written = first_write_of(first_state(memory, "an id", 7, MOMENT))

    assert attributes_of(written) == attributes_of(memory) == given | {"source": source}
