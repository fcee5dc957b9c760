"""Touches through a chain: as many stores as answer have them, and no sweep erases what one of them was touched in."""

import asyncio
from datetime import datetime
from uuid import uuid4

import pytest

from providers.answers import Erased, Stored
from providers.chain.expiring.sweeper import GRACE_SECONDS
from providers.chain.missed_touches import MOST_MISSED, MissedTouches
from providers.chain.observer import Unobserved
from providers.errors import MemoryNotFound, Unavailable
from providers.limits import MAX_BATCH
from providers.owners import Owner
from providers.touches import Touch
from providers.types import Deletion, Edit, NewMemory, PageQuery, RecallQuery
from tests.providers.chain.scene import DOWN, USER, Scene, play
from tests.providers.chain.test_expiry import Swept, living, moment, sweeper
from tests.support.frail import FrailProvider

OWNER = Owner(USER)
LIFE = 600  # seconds


async def sliding(scene: Scene, seconds: int = LIFE) -> str:
    """Store a memory everywhere that lives for so many seconds from the last time it was given to somebody."""
    new = NewMemory(owner=OWNER, content="tea", expires_at=moment(scene, seconds), sliding_seconds=seconds)
    stored: Stored = await scene.chain.store(new)
    await scene.deliver()
    return stored.id


async def touch(scene: Scene, memory_id: str) -> None:
    """Note that somebody was given a memory now."""
    await scene.chain.touch([Touch(owner=OWNER, memory_id=memory_id, moment=moment(scene, 0))])


async def ends(scene: Scene, memory_id: str) -> list[datetime | None]:
    """Return when a memory expires, as each store has it."""
    held = [await provider.snapshot(OWNER, memory_id) for provider in scene.providers.values()]
    return [None if state is None else state.expires_at for state in held]


def test_every_store_that_answers_is_touched() -> None:
    """One that is down keeps the end that it knows; where none answers, the touch has failed."""

    async def act(scene: Scene) -> None:
        memory_id = await sliding(scene)
        [first, _] = await ends(scene, memory_id)
        await asyncio.sleep(LIFE / 2)
        scene.home.down = True
        second = moment(scene, LIFE)
        await touch(scene, memory_id)
        scene.standby.down = True
        with pytest.raises(Unavailable):
            await touch(scene, memory_id)
        scene.home.down = scene.standby.down = False
        apart = await ends(scene, memory_id)
        await asyncio.sleep(1)
        third = moment(scene, LIFE)
        await touch(scene, memory_id)

        assert apart == [first, second]
        assert await ends(scene, memory_id) == [third, third]

    play(act)


def test_who_has_missed_a_touch_gets_it_when_it_is_back() -> None:
    """The last one of each memory, however often that was: so home hides nothing that was given to somebody."""

    async def act(scene: Scene) -> None:
        memory_ids = [await sliding(scene) for _ in range(MAX_BATCH + 1)]
        await asyncio.sleep(LIFE / 4)
        scene.home.down = True
        for memory_id in memory_ids:
            await touch(scene, memory_id)
        await asyncio.sleep(LIFE / 4)
        last = moment(scene, LIFE)
        await touch(scene, memory_ids[0])
        await scene.chain.touch([Touch(owner=OWNER, memory_id=memory_ids[0], moment=moment(scene, -LIFE / 4))])
        scene.home.down = False
        await asyncio.sleep(60)  # until its breaker lets a try through
        first, *others = [await ends(scene, memory_id) for memory_id in memory_ids]
        await asyncio.sleep(LIFE / 2)

        assert first == [last, last]
        assert all(home == standby for home, standby in others)
        assert [(await scene.chain.fetch(OWNER, one)).provider for one in memory_ids[:2]] == ["home", "home"]

    play(act)


def test_no_more_than_a_bound_waits_for_a_provider() -> None:
    """The rest it learns from the others when they are compared."""

    async def act(scene: Scene) -> None:
        missed = MissedTouches(lambda: scene.chained.route.links, scene.clock)
        memory_ids = [await sliding(scene) for _ in range(3)]
        await asyncio.sleep(LIFE / 2)
        [before, _] = await ends(scene, memory_ids[2])
        fillers = [Touch(owner=OWNER, memory_id=str(uuid4()), moment=moment(scene, 0)) for _ in range(MOST_MISSED - 2)]
        missed.note("home", fillers)
        missed.note("home", [Touch(owner=OWNER, memory_id=one, moment=moment(scene, 0)) for one in memory_ids])
        missed.note("nobody", fillers[:1])
        after = moment(scene, LIFE)
        await asyncio.sleep(60)

        assert [(await ends(scene, one))[0] for one in memory_ids] == [after, after, before]
        await missed.stop()

    play(act)


def test_a_touched_memory_is_shown_beyond_its_first_end() -> None:
    """By get, list and recall of the chain, whatever the journal still knows of its writing."""

    async def act(scene: Scene) -> None:
        memory_id = await sliding(scene)
        await asyncio.sleep(LIFE / 2)
        end = moment(scene, LIFE)
        await touch(scene, memory_id)
        await asyncio.sleep(LIFE - 1)

        got = (await scene.chain.fetch(OWNER, memory_id)).memory
        [listed] = (await scene.chain.page(PageQuery(owner=OWNER))).memories
        [recalled] = (await scene.chain.find(RecallQuery(owner=OWNER, query="tea"))).memories
        assert {got.expires_at, listed.expires_at, recalled.expires_at} == {end}
        await asyncio.sleep(1)
        with pytest.raises(MemoryNotFound):
            await scene.chain.fetch(OWNER, memory_id)

    play(act)


@pytest.mark.parametrize("home_missed_it", [False, True])
def test_a_touched_memory_can_be_changed_beyond_its_first_end(*, home_missed_it: bool) -> None:
    """What the journal knows of it is older than the touch; the change keeps the touch everywhere."""

    async def act(scene: Scene) -> None:
        memory_id = await sliding(scene)
        await asyncio.sleep(LIFE / 2)
        end = moment(scene, LIFE)
        await touch(scene, memory_id)
        await asyncio.sleep(LIFE - 1)
        if home_missed_it:
            scene.home.failures = {"put_many": DOWN}

        changed = (await scene.chain.change(Edit(owner=OWNER, memory_id=memory_id, content="green tea"))).memory
        shown = (await scene.chain.fetch(OWNER, memory_id)).memory
        scene.home.failures = {}
        await scene.deliver()

        assert (changed.content, changed.expires_at, shown.expires_at) == ("green tea", end, end)
        assert await ends(scene, memory_id) == [end, end]

    play(act)


def test_a_change_while_no_store_answers_goes_by_the_journal() -> None:
    """A memory that it knows is changed, as long as it has not expired by what it knows."""

    async def act(scene: Scene) -> None:
        memory_id = await sliding(scene)
        scene.home.down = scene.standby.down = True

        changed = await scene.chain.change(Edit(owner=OWNER, memory_id=memory_id, content="green tea"))

        assert (changed.memory.content, changed.confirmed) == ("green tea", False)

    play(act)


def test_what_a_standby_alone_knows_to_be_touched_is_not_erased() -> None:
    """Home has missed the touch, and learns of it from the sweep; an hour after the new end it is erased."""

    async def act(scene: Scene) -> None:
        memory_id = await sliding(scene, 2 * int(GRACE_SECONDS))
        await asyncio.sleep(1.5 * GRACE_SECONDS)
        end = moment(scene, 2 * GRACE_SECONDS)
        await scene.standby.touch([Touch(owner=OWNER, memory_id=memory_id, moment=moment(scene, 0))])
        await asyncio.sleep(1.5 * GRACE_SECONDS)
        early = await sweeper(scene).sweep()
        known = await ends(scene, memory_id)
        await asyncio.sleep(1.5 * GRACE_SECONDS)
        late = await sweeper(scene).sweep()

        assert (early, known, late) == (0, [end, end], 1)

    play(act)


def test_nothing_that_slides_is_erased_while_a_store_does_not_answer() -> None:
    """It may have been touched there last; what has a fixed end is erased all the same."""

    async def act(scene: Scene) -> None:
        slides = await sliding(scene)
        fixed = await scene.chain.store(NewMemory(owner=OWNER, content="coffee", expires_at=moment(scene, LIFE)))
        await scene.deliver()
        await asyncio.sleep(LIFE + GRACE_SECONDS)
        scene.standby.down = True
        erased = await sweeper(scene).sweep()
        scene.standby.down = False
        await scene.deliver()
        alive = await living(scene.home, slides), await living(scene.home, fixed.id)

        assert (erased, alive) == (1, (True, False))
        assert await sweeper(scene).sweep() == 1

    play(act)


def test_a_touch_between_the_look_of_a_sweep_and_its_deletion_refuses_that() -> None:
    """A single store compares when it deletes, since a touch changes no version."""

    async def act(scene: Scene) -> None:
        memory_id = await sliding(scene)
        await asyncio.sleep(LIFE + GRACE_SECONDS)
        alone = sweeper(scene)
        alone.chain = Swept("one", None, Unobserved(), scene.chained.route)

        async def touched_first(home: FrailProvider, deletion: Deletion) -> Erased:
            del home.instead["erase"]
            await touch(scene, memory_id)
            return await home.erase(deletion)

        scene.home.instead["erase"] = touched_first
        assert await alone.sweep() == 0
        assert await living(scene.home, memory_id)
        await asyncio.sleep(LIFE + GRACE_SECONDS)
        assert await alone.sweep() == 1

    play(act, "home")
