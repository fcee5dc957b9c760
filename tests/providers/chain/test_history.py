"""A store that keeps history receives every version of a memory, also those that were replaced while it was away."""

import asyncio

import pytest

from providers.chain.chain import Chain
from providers.errors import InvalidInput, MemoryNotFound, Unavailable, Unsupported
from providers.history import HistoryQuery
from providers.journal.base import Journal
from providers.journal.operations import Delivery
from providers.memory.provider import MockMemoryProvider
from providers.owners import Owner
from providers.retention import NO_HISTORY
from providers.states.editing import first_write_of, tombstone_for
from tests.providers.chain.scene import DOWN, Scene, key, play
from tests.providers.chain.stage import FILL_SECONDS, USER, Stage, staged
from tests.support.clock import FakeClock
from tests.support.frail import FrailProvider
from tests.support.versions import EVERY_VERSION

OWNER = Owner(USER)
TEXTS = ["tea", "coffee", "milk", "water"]


def historian(clock: FakeClock) -> FrailProvider:
    """Return an empty store that keeps history."""
    return FrailProvider(clock, keeps_history=True)


async def kept(store: FrailProvider, memory_id: str) -> list[str | None]:
    """Return the texts of all versions that a store keeps, the oldest first."""
    older = await MockMemoryProvider.superseded(store, OWNER)
    newest = await MockMemoryProvider.snapshot(store, OWNER, memory_id)
    states = [state for state in older if state.id == memory_id] + ([] if newest is None else [newest])
    return [state.content for state in states]


async def keepers(journal: Journal) -> set[str]:
    """Return the members that keep history, as the journal knows them."""
    return {member.name for member in await journal.members() if member.keeps_history}


async def superseded(journal: Journal) -> list[Delivery]:
    """Return the superseded versions that are due at the standby."""
    return [one for one in await journal.lease("standby", 100, 0) if one.superseded]


async def written(chain: Chain) -> str:
    """Store a memory, change it three times, and return its id."""
    memory_id = await chain.provider.remember(USER, TEXTS[0])
    for text in TEXTS[1:]:
        await chain.provider.update(USER, memory_id, content=text)
    return memory_id


async def started(stage: Stage, home: FrailProvider, standby: FrailProvider) -> Chain:
    """Return a chain over both, which has met and filled them."""
    chain = stage.chain()
    await chain.switch([stage.part("home", home), stage.part("standby", standby)])
    await asyncio.sleep(FILL_SECONDS)
    assert await stage.complete() == {"home", "standby"}
    return chain


def test_what_nobody_could_judge_is_no_version_of_another_memory() -> None:
    """It took the id of one that was there, and waits for its refusal."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, TEXTS[0], memory_id=key())
        await scene.chain.update(USER, memory_id, content=TEXTS[1])
        await scene.deliver()
        await scene.forget()
        scene.home.down = scene.standby.down = True
        await scene.chain.remember(USER, "beer", memory_id=memory_id)
        scene.home.down = scene.standby.down = False
        shown = await scene.chain.history(HistoryQuery(owner=OWNER, memory_id=memory_id))
        await scene.deliver()

        assert [state.content for state in shown.versions] == [TEXTS[1], TEXTS[0]]
        assert [one.memory_id for one in await scene.dead()] == 2 * [memory_id]
        assert "beer" not in [*await kept(scene.home, memory_id), *await kept(scene.standby, memory_id)]

    play(act, made=historian)


@pytest.mark.parametrize("away", [True, False])
def test_a_standby_has_all_versions(away: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Whether it was away while the memory changed or not."""

    async def main(stage: Stage) -> None:
        standby = historian(stage.clock)
        chain = await started(stage, stage.store(), standby)
        assert await keepers(stage.journal) == {"standby"}
        standby.down = away
        memory_id = await written(chain)
        assert await kept(standby, memory_id) == [] or not away
        standby.down = False
        await asyncio.sleep(90)

        assert await kept(standby, memory_id) == TEXTS
        assert (await chain.provider.get(USER, memory_id)).content == TEXTS[-1]
        assert {backlog.pending + backlog.dead for backlog in (await stage.journal.status()).backlogs} == {0}

    staged(main)


def test_without_a_store_that_keeps_history_nothing_is_kept() -> None:
    """The journal has no row and no delivery more than ever."""

    async def main(stage: Stage) -> None:
        standby = stage.store()
        chain = await started(stage, stage.store(), standby)
        standby.down = True
        memory_id = await written(chain)
        await asyncio.sleep(1)  # a settlement is under way

        backlogs = {one.provider: one.pending for one in (await stage.journal.status()).backlogs}
        assert backlogs == {"home": 0, "standby": 1}
        assert stage.disk.connection.rows("SELECT count(*) FROM superseded") == [(0,)]
        standby.down = False
        await asyncio.sleep(90)
        assert await kept(standby, memory_id) == TEXTS[-1:]
        assert "put_versions" not in standby.calls

    staged(main)


def test_a_deletion_leaves_no_version_anywhere() -> None:
    """Not in the journal, and not in the store that was away."""

    async def main(stage: Stage) -> None:
        home, standby = historian(stage.clock), historian(stage.clock)
        chain = await started(stage, home, standby)
        memory_id = await written(chain)
        await asyncio.sleep(30)
        standby.down = True
        await chain.provider.update(USER, memory_id, content="wine")
        await chain.provider.update(USER, memory_id, content="beer")
        assert await kept(home, memory_id) == [*TEXTS, "wine", "beer"]
        await chain.provider.delete(USER, memory_id)
        assert stage.disk.connection.rows("SELECT count(*) FROM superseded") == [(0,)]
        standby.down = False
        await asyncio.sleep(90)

        assert await kept(home, memory_id) == await kept(standby, memory_id) == [None]

    staged(main)


def test_a_store_that_was_emptied_receives_what_is_retained() -> None:
    """What the journal still knows of the history comes with the newest version."""

    async def main(stage: Stage) -> None:
        standby = historian(stage.clock)
        chain = await started(stage, stage.store(), standby)
        memory_id = await written(chain)
        await asyncio.sleep(30)
        standby.begin_anew()
        await asyncio.sleep(90)

        assert await kept(standby, memory_id) == TEXTS

    staged(main)


def test_a_journal_learns_that_a_store_keeps_history_no_more() -> None:
    """What it would have received is dropped with the next look at it."""

    async def main(stage: Stage) -> None:
        standby = historian(stage.clock)
        chain = await started(stage, stage.store(), standby)
        standby.failures["put_versions"] = Unavailable("busy")
        await written(chain)
        assert (await stage.journal.status()).backlogs[1].pending > 1
        standby._retention = NO_HISTORY  # noqa: SLF001 - another program under the same name
        await asyncio.sleep(90)

        assert await keepers(stage.journal) == set()
        assert (await stage.journal.status()).backlogs[1].pending == 0

    staged(main)


async def changed(scene: Scene) -> str:
    """Store a memory, change it three times while the standby keeps history, and return its id."""
    await scene.journal.note_history("standby", keeps=True)
    memory_id = await scene.chain.remember(USER, TEXTS[0])
    for text in TEXTS[1:]:
        await scene.chain.update(USER, memory_id, content=text)
    return memory_id


def test_versions_are_delivered_in_one_call() -> None:
    """And the newest one as ever."""

    async def act(scene: Scene) -> None:
        memory_id = await changed(scene)
        await scene.deliver()

        assert scene.standby.calls == ["put_versions", "put_many"]
        assert await kept(scene.standby, memory_id) == TEXTS
        assert "put_versions" not in scene.home.calls

    play(act, made=historian)


def test_versions_that_cannot_be_put_are_delivered_again() -> None:
    """Later, and as often as it takes."""

    async def act(scene: Scene) -> None:
        memory_id = await changed(scene)
        scene.standby.failures["put_versions"] = DOWN
        await scene.deliver()
        assert await kept(scene.standby, memory_id) == []
        scene.standby.failures.clear()
        await asyncio.sleep(60)
        await scene.deliver()

        assert await kept(scene.standby, memory_id) == TEXTS
        assert await scene.journal.lease("standby", 100, 0) == []

    play(act, made=historian)


def test_a_version_that_a_store_refuses_becomes_a_dead_letter() -> None:
    """The others are put, and reads do not care."""

    async def act(scene: Scene) -> None:
        memory_id = await changed(scene)

        async def picky(provider: FrailProvider, snapshots: list[object]) -> list[object]:
            answer = await MockMemoryProvider.put_versions(provider, snapshots[1:])  # type: ignore[arg-type] # as given
            return [InvalidInput("content", "is refused"), *answer]

        scene.standby.instead["put_versions"] = picky
        await scene.deliver()

        [letter] = await scene.dead()
        assert (letter.memory_id, letter.error, letter.provider) == (memory_id, "invalid", "standby")
        assert await kept(scene.standby, memory_id) == TEXTS[1:]
        assert await scene.journal.entries(OWNER, "standby", 10, 10) == []

    play(act, made=historian)


def test_a_version_of_a_deleted_memory_is_done() -> None:
    """A store in which it was deleted takes nothing, and the deletion wins."""

    async def act(scene: Scene) -> None:
        memory_id = await changed(scene)
        state = await MockMemoryProvider.snapshot(scene.home, OWNER, memory_id)
        assert state is not None
        await MockMemoryProvider.put_many(scene.standby, [tombstone_for(state, state.version)])
        await scene.deliver()

        assert await superseded(scene.journal) == []
        assert await scene.dead() == []

    play(act, made=historian)


def test_versions_are_not_looked_for_in_a_store_that_may_be_stale() -> None:
    """No read shows them; the newest one is held until it is shown."""

    async def act(scene: Scene) -> None:
        scene.standby.declared = 5.0
        memory_id = await changed(scene)
        await scene.deliver()

        assert [one.seq for one in await scene.journal.pending(10, provider="standby")] == [
            (await scene.journal.entries(OWNER, "standby", 10, 0))[0].seq
        ]
        assert await kept(scene.standby, memory_id) == TEXTS

    play(act, made=historian)


def test_a_store_that_keeps_no_history_is_not_asked_to() -> None:
    """Although the journal believes that it does: another store had its name."""

    async def act(scene: Scene) -> None:
        memory_id = await changed(scene)
        await scene.deliver()

        assert scene.standby.calls == ["put_many"]
        assert await kept(scene.standby, memory_id) == TEXTS[-1:]
        assert await scene.journal.lease("standby", 100, 0) == []

    play(act)


async def told(scene: Scene, memory_id: str, **asked: int) -> list[str | None]:
    """Return the texts of the history that a chain tells, newest first."""
    page = await scene.chain.history(HistoryQuery(owner=OWNER, memory_id=memory_id, **asked))
    return [state.content for state in page.versions]


def test_a_chain_tells_what_home_keeps() -> None:
    """From the newest version on, page by page."""

    async def act(scene: Scene) -> None:
        memory_id = await changed(scene)
        await scene.forget()

        assert await told(scene, memory_id) == TEXTS[::-1]
        assert scene.told.provider == "home"
        second = await scene.chain.history(HistoryQuery(owner=OWNER, memory_id=memory_id, limit=2))
        assert second.more
        assert await told(scene, memory_id, before=second.versions[-1].version) == TEXTS[1::-1]

    play(act, made=historian)


@pytest.mark.parametrize("limit", [1, 2, 3, 20])
def test_what_has_not_reached_the_provider_is_in_the_history(limit: int) -> None:
    """The standby lacks the last versions, or all of them, and the journal has them: all pages together show all."""

    async def act(scene: Scene) -> None:
        memory_id = await changed(scene)
        other = await scene.chain.remember(USER, TEXTS[0])
        await scene.deliver()
        await scene.chain.update(USER, memory_id, content="wine")
        await scene.chain.update(USER, memory_id, content="beer")
        await scene.chain.update(USER, other, content=TEXTS[1])
        scene.home.down = True
        fresh = await scene.chain.remember(USER, "bread")

        for memory, texts in ((memory_id, [*TEXTS, "wine", "beer"]), (other, TEXTS[:2]), (fresh, ["bread"])):
            found: list[str | None] = []
            before: int | None = None
            while True:
                query = HistoryQuery(owner=OWNER, memory_id=memory, limit=limit, before=before)
                page = await scene.chain.history(query)
                found += [state.content for state in page.versions]
                if not page.more:
                    break
                before = page.versions[-1].version
            assert found == texts[::-1]

    play(act, made=historian)


def test_a_deleted_memory_has_no_history_although_a_provider_shows_it() -> None:
    """Its tombstone is in the journal."""

    async def act(scene: Scene) -> None:
        memory_id = await changed(scene)
        await scene.deliver()
        scene.home.down = True
        await scene.chain.delete(USER, memory_id)

        with pytest.raises(MemoryNotFound):
            await told(scene, memory_id)

    play(act, made=historian)


def test_a_provider_that_keeps_history_answers_for_one_that_does_not() -> None:
    """And where none does, the caller is told so."""

    async def act(scene: Scene) -> None:
        memory_id = await changed(scene)
        await scene.forget()
        scene.home._retention = NO_HISTORY  # noqa: SLF001 - as another kind of store

        assert await told(scene, memory_id) == TEXTS[::-1]
        assert scene.told.provider == "standby"
        scene.standby._retention = NO_HISTORY  # noqa: SLF001 - as another kind of store
        with pytest.raises(Unsupported):
            await told(scene, memory_id)

    play(act, made=historian)


def test_without_the_journal_a_history_is_marked() -> None:
    """It may lack what waits there; and what no provider has may be there."""

    async def act(scene: Scene) -> None:
        memory_id = await changed(scene)
        await scene.deliver()
        scene.lose_journal()

        assert await told(scene, memory_id) == TEXTS[::-1]
        assert scene.told.eventual
        with pytest.raises(Unavailable):
            await told(scene, key())

    play(act, made=historian)


def test_versions_that_home_confirms_late_are_kept() -> None:
    """The first write arrives after the change that was made of it."""

    async def act(scene: Scene) -> None:
        memory_id = await changed(scene)
        states = await MockMemoryProvider.superseded(scene.home, OWNER)
        late = MockMemoryProvider(retention=EVERY_VERSION)
        newest = await MockMemoryProvider.snapshot(scene.home, OWNER, memory_id)
        assert newest is not None
        await late.put_many([newest])
        await late.store_many([first_write_of(state) for state in states if not state.edited])

        assert [state.content for state in await late.superseded(OWNER)] == TEXTS[:1]

    play(act, made=historian)
