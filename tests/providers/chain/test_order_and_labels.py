"""Order and labels of a batch are the same wherever a chain reads it: at home, at a standby, pending, or backfilled."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from providers.answers import Changed, Erased, Stored
from providers.labels import labels_of
from providers.memory.provider import MockMemoryProvider
from providers.owners import Owner
from providers.positions import Order
from providers.types import ALL, Conditions, Deletion, Edit, NewMemory, PageQuery, RecallQuery
from tests.providers.chain.filling import Filling
from tests.providers.chain.scene import USER, Scene, key, play
from tests.providers.chain.stage import Stage, staged

OWNER = Owner(USER)
MOMENT = datetime(2026, 2, 1, tzinfo=UTC)
SIX = [f"tea {number}" for number in range(6)]
OF_TRIP = {1, 2, 4}


def batch() -> list[NewMemory]:
    """Six memories under ids in no order, made at one moment; some of one session."""
    return [
        NewMemory(
            owner=OWNER,
            content=content,
            memory_id=key(),
            created_at=MOMENT,
            session="trip" if place in OF_TRIP else None,
            speaker=f"speaker {place}",
        )
        for place, content in enumerate(SIX)
    ]


async def listed(scene: Scene, conditions: Conditions = ALL, order: Order = "oldest") -> list[str]:
    """The contents that the chain lists, read in pages of two, and what recall finds, which must be the same."""
    chosen = {name: getattr(conditions, name) for name in Conditions.__struct_fields__}
    query = PageQuery(owner=OWNER, limit=2, order=order, total=True, **chosen)
    seen, total = [], 0
    while (page := await scene.chain.page(query)).memories:
        seen += [memory.content for memory in page.memories]
        total = page.total or 0
        query = replace(query, after=page.memories[-1].position, provider=page.provider)
    found = await scene.chain.find(RecallQuery(owner=OWNER, query="tea", **chosen))
    assert total == len(seen)
    assert {memory.content for memory in found.memories} == set(seen)
    return seen


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_a_batch_is_the_same_everywhere(order: Order) -> None:
    """At home, and at the standby that answers for it, with and without the journal's knowledge; after a retry too."""
    trip = [SIX[place] for place in sorted(OF_TRIP)]
    expected = (SIX, trip) if order == "oldest" else (SIX[::-1], trip[::-1])

    async def act(scene: Scene) -> None:
        memories = batch()
        first = await scene.chain.store_many(memories)
        again = await scene.chain.store_many(memories)
        assert [one.id for one in again if isinstance(one, Stored)] == [memory.memory_id for memory in memories]
        assert len(first) == len(SIX)

        for step in ("pending at the standby", "delivered", "forgotten"):
            if step == "delivered":
                await scene.deliver()
            if step == "forgotten":
                await scene.forget()
            for down in (False, True):
                scene.home.down = down
                assert await listed(scene, order=order) == expected[0], (step, down)
                assert await listed(scene, Conditions(session="trip"), order) == expected[1], (step, down)
                scene.home.down = False

    play(act)


def test_a_batch_that_is_accepted_keeps_order_and_labels() -> None:
    """While home is down the journal shows it, and home gets it as it was."""

    async def act(scene: Scene) -> None:
        scene.home.down = True
        await scene.chain.store_many([replace(memory, memory_id=None) for memory in batch()])
        pending = await listed(scene), await listed(scene, Conditions(session="trip"))
        scene.home.down = False
        scene.standby.down = True
        overlaid = await listed(scene), await listed(scene, Conditions(session="trip"))
        scene.standby.down = False
        await scene.forget()
        held = await MockMemoryProvider.page(scene.home, PageQuery(owner=OWNER, order="oldest"))

        assert pending == overlaid == (SIX, [SIX[place] for place in sorted(OF_TRIP)])
        assert [memory.content for memory in held.memories] == SIX
        assert [memory.speaker for memory in held.memories] == [f"speaker {place}" for place in range(6)]

    play(act)


def test_a_change_of_labels_is_seen_before_it_arrives() -> None:
    """A pending change moves a memory from one condition to the other, whatever the provider still says."""

    async def act(scene: Scene) -> None:
        [stored] = await scene.chain.store_many([NewMemory(owner=OWNER, content="tea", session="old")])
        assert isinstance(stored, Stored)
        await scene.deliver()
        scene.home.down = True
        await scene.chain.change(Edit(owner=OWNER, memory_id=stored.id, session="new", agent="a"))
        seen = [await listed(scene, Conditions(session=session)) for session in ("old", "new")]
        scene.home.down = False
        await scene.forget()
        after = [await listed(scene, Conditions(session=session)) for session in ("old", "new")]

        assert seen == after == [[], ["tea"]]
        assert labels_of((await scene.chain.fetch(OWNER, stored.id)).memory)["agent"] == "a"

    play(act)


def test_what_meets_conditions_is_deleted_wherever_it_is() -> None:
    """Of memories at home and of pending ones those that meet the conditions go, the others stay."""

    async def act(scene: Scene) -> None:
        await scene.chain.store_many(batch())
        await scene.deliver()
        scene.home.down = True
        await scene.chain.store(NewMemory(owner=OWNER, content="pending", session="trip"))
        erased = await scene.chain.erase_all(OWNER, conditions=Conditions(session="trip"))
        scene.home.down = False
        left = await listed(scene)
        await scene.forget()

        assert erased.count == len(OF_TRIP) + 1
        assert left == await listed(scene) == [SIX[place] for place in range(6) if place not in OF_TRIP]

    play(act)


def test_batches_of_changes_are_changes_each() -> None:
    """Each item is changed or deleted as if alone, home being there or not."""

    async def act(scene: Scene) -> None:
        memories = batch()
        ids = [memory.memory_id or "" for memory in memories]
        await scene.chain.store_many(memories)
        scene.home.down = True
        edits = [Edit(owner=OWNER, memory_id=memory_id, session="trip") for memory_id in ids[:3]]
        changed = await scene.chain.change_many(edits)
        deletions = [Deletion(owner=OWNER, memory_id=memory_id) for memory_id in (ids[0], key())]
        erased = await scene.chain.erase_many(deletions)
        scene.home.down = False
        await scene.forget()

        assert all(isinstance(one, Changed) and not one.confirmed for one in changed)
        assert [one.count for one in erased if isinstance(one, Erased)] == [1, 0]
        assert await listed(scene, Conditions(session="trip")) == ["tea 1", "tea 2", "tea 4"]

    play(act)


def test_a_backfill_brings_order_and_labels() -> None:
    """A newcomer has them as the provider from which it was filled."""

    async def main(stage: Stage) -> None:
        filling = await Filling(stage).join()
        await filling.source.store_many(batch())

        await filling.fill()

        pages = [
            await MockMemoryProvider.page(store, PageQuery(owner=OWNER, order="oldest"))
            for store in (filling.source, filling.target)
        ]
        assert pages[0] == pages[1]
        assert [memory.content for memory in pages[1].memories] == SIX

    staged(main)
