"""Recall with much that is hidden: an answer is full as long as there is something to fill it with."""

import asyncio
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from providers.answers import PARTIAL
from providers.chain.pending_view import MAX_PENDING, MAX_TOMBSTONES
from providers.chain.recalling import ASKED_AGAIN, TOMBSTONES_AT_ONCE
from providers.journal.base import MAX_APPENDED
from providers.journal.operations import Done, Operation, OperationKind
from providers.limits import MAX_RECALL_LIMIT, MAX_WITHOUT
from providers.memory.provider import MockMemoryProvider
from providers.owners import Owner
from providers.states.editing import tombstone_for
from providers.types import RecallQuery, Snapshot
from tests.providers.chain.scene import USER, Scene, play
from tests.support.states import live

DELETED = "green tea"  # matches better
ALIVE = "tea with milk and sugar"


async def _stored(scene: Scene, hidden: int, alive: int) -> list[Snapshot]:
    """Store memories to be hidden and others, everywhere, and return the states of those to be hidden."""
    await scene.remember(*([DELETED] * hidden))
    states = await MockMemoryProvider.snapshots(scene.home, Owner(USER))
    await scene.remember(*([ALIVE] * alive))
    await scene.forget()
    return states


async def _append(scene: Scene, states: Sequence[Snapshot]) -> None:
    """Append the new states of memories to the journal, and deliver them to nobody."""
    for start in range(0, len(states), MAX_APPENDED):
        await scene.journal.append([_operation(state) for state in states[start : start + MAX_APPENDED]])


def _operation(state: Snapshot) -> Operation:
    kind = OperationKind.DELETE if state.deleted else OperationKind.UPDATE
    return Operation(kind=kind, state=state, base_version=state.version - 1)


def _deleted(states: Sequence[Snapshot]) -> list[Snapshot]:
    return [tombstone_for(state, state.version + 1) for state in states]


def test_pending_deletions_take_no_places() -> None:
    """More of them than one recall may return match best, and the answer is full all the same."""

    async def act(scene: Scene) -> None:
        deleted = await _stored(scene, ASKED_AGAIN + 50, 12)
        await _append(scene, _deleted(deleted))
        told = scene.listen()

        found = await scene.chain.recall(USER, DELETED, 10)

        assert [record.content for record in found] == [ALIVE] * 10
        assert (told.provider, told.degraded, told.eventual) == ("home", [], False)

    play(act)


def test_the_largest_answer_is_full() -> None:
    """One deletion that is pending costs it no memory."""

    async def act(scene: Scene) -> None:
        deleted = await _stored(scene, 1, MAX_RECALL_LIMIT)
        await _append(scene, _deleted(deleted))

        assert len(await scene.chain.recall(USER, DELETED, MAX_RECALL_LIMIT)) == MAX_RECALL_LIMIT

    play(act)


def test_pending_changes_take_no_places() -> None:
    """What a provider holds of them is out of date; what they have become may be about something else."""

    async def act(scene: Scene) -> None:
        changed = await _stored(scene, ASKED_AGAIN + 1, 12)
        await _append(scene, [replace(one, version=one.version + 1, content="coffee") for one in changed])

        assert [record.content for record in await scene.chain.recall(USER, DELETED, 10)] == [ALIVE] * 10
        assert [record.content for record in await scene.chain.recall(USER, "coffee", 10)] == ["coffee"] * 10

    play(act)


def test_each_question_of_a_batch_gets_a_full_answer() -> None:
    """As if it was asked alone."""

    async def act(scene: Scene) -> None:
        deleted = await _stored(scene, ASKED_AGAIN + 1, 12)
        await _append(scene, _deleted(deleted))
        query = RecallQuery(owner=Owner(USER), query=DELETED, limit=10)

        answers = await scene.chain.find_many([query, query])

        assert [len(getattr(answer, "memories", ())) for answer in answers] == [10, 10]

    play(act)


def test_copies_that_came_back_take_no_places() -> None:
    """Of more tombstones than an overlay has, the provider holds copies again."""

    async def act(scene: Scene) -> None:
        deleted = await _stored(scene, 2 * MAX_TOMBSTONES, 12)
        copies = await MockMemoryProvider.snapshots(scene.home, Owner(USER))
        await _append(scene, _deleted(deleted))
        await scene.deliver()
        scene.home.restore(copies)
        told = scene.listen()

        found = await scene.chain.recall(USER, DELETED, 10)

        assert [record.content for record in found] == [ALIVE] * 10
        assert told.degraded == []

    play(act)


@pytest.mark.thorough
def test_more_copies_than_can_be_left_out_are_admitted() -> None:
    """The answer lacks something and says so; up to the bound it lacks nothing."""

    async def act(scene: Scene) -> None:
        await scene.remember(*([ALIVE] * 12))
        kept = await MockMemoryProvider.snapshots(scene.home, Owner(USER))
        # The last of all answers has nothing but deleted memories, too.
        copies = [live(USER, DELETED, version=scene.versions.next()) for _ in range(MAX_WITHOUT + ASKED_AGAIN)]
        await _append(scene, _deleted(copies))
        entries = await scene.journal.entries(Owner(USER), "home", len(copies), 0)
        await scene.journal.settle([Done(seq=entry.seq, provider="home") for entry in entries])
        await asyncio.sleep(0.1)  # until they are settled
        unknown = copies[:-TOMBSTONES_AT_ONCE]
        scene.home.restore([*unknown[:500], *kept])
        assert len(await scene.chain.recall(USER, DELETED, 10)) == 10
        scene.home.restore([*unknown, *kept])
        told = scene.listen()

        found = await scene.chain.recall(USER, DELETED, 10)

        assert (len(found), told.degraded) == (0, [PARTIAL])
        assert MAX_PENDING + MAX_TOMBSTONES + 1 + TOMBSTONES_AT_ONCE < MAX_WITHOUT

    play(act, "home")


def test_what_is_pending_is_ranked_with_what_the_provider_has() -> None:
    """By the same ranking: a memory has the same place and the same score, whether it has been delivered or not."""

    async def act(scene: Scene) -> None:
        await scene.remember("tea with honey", "a kettle for tea", "the red kettle")
        await scene.forget()
        new = live(USER, "the kettle is red, and the tea is hot")
        await scene.journal.append([Operation(kind=OperationKind.REMEMBER, state=new)])
        pending = await scene.chain.recall(USER, "red tea kettle", 10)
        await MockMemoryProvider.put_many(scene.home, [new])
        delivered = await scene.chain.recall(USER, "red tea kettle", 10)

        assert new.id in {record.id for record in pending}
        assert [(record.id, record.similarity_score) for record in pending] == [
            (record.id, record.similarity_score) for record in delivered
        ]

    play(act)
