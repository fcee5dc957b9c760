"""What a store has confirmed and lacks all the same is a difference, also while the journal retains it."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from providers.chain.comparing.comparison import Fault
from providers.chain.comparing.store import ComparedStore
from providers.chain.comparing.verifying import AGREED, Verifier
from providers.errors import InvalidInput
from providers.journal.operations import Dead
from providers.memory.provider import MockMemoryProvider
from providers.owners import Owner
from providers.types import Snapshot
from tests.providers.chain.comparing.scenery import Stores
from tests.providers.chain.comparing.test_histories import OPERATIONS, VERSIONS, keep_history, kept
from tests.providers.chain.comparing.test_patrol import Watched
from tests.providers.chain.stage import USER, Stage, staged
from tests.support.frail import each
from tests.support.states import live, tombstone


async def delivered(stores: Stores, *states: Snapshot) -> None:
    """Append states, and deliver them to every store."""
    for state in states:
        await stores.stage.append(state)
    await stores.deliver()
    assert all(not backlog.pending for backlog in (await stores.stage.journal.status()).backlogs)


async def refused(stores: Stores, name: str, state: Snapshot) -> None:
    """Append a state, which is given up for one store and delivered to the others."""
    await stores.stage.append(state)
    entry = await stores.stage.journal.newest(state.owner, state.id)
    assert entry is not None
    await stores.stage.journal.settle([Dead(seq=entry.seq, provider=name, error="invalid_input")])
    await stores.deliver()


def test_what_a_store_has_confirmed_and_lost_is_counted_and_put() -> None:
    """Although the journal retains every one of the operations."""

    async def main(stage: Stage) -> None:
        stores = await Stores(stage, "ab", "ab").join()
        states = [live(USER, f"tea {number}") for number in range(3)]
        await delivered(stores, *states)
        stores["b"].restore((await stores.held("b"))[:1])

        page = await stores.diff("a", "b")
        assert (page.differing, page.waiting) == ({"b": {Fault.MISSING: 2}}, 0)
        assert [one.waiting for one in page.differences] == [False, False]

        [merged] = await stores.merge("b")
        assert (merged.put, merged.waiting) == (2, 0)
        assert await stores.held("a") == await stores.held("b")

    staged(main)


def test_each_store_is_judged_by_its_own_delivery() -> None:
    """One is put that has confirmed, and another one waits."""

    async def main(stage: Stage) -> None:
        stores = await Stores(stage, "abc", "abc").join()
        await stage.append(lost := live(USER))
        for link in stores.links:
            if link.name != "b":
                await stage.relay(link).deliver_some()
        stores["c"].restore([])

        assert (await stores.diff("a", "b")).waiting == 1
        assert (await stores.diff("a", "c")).differing == {"c": {Fault.MISSING: 1}}
        [page] = await stores.merge("b")
        assert (page.put, page.waiting) == (1, 1)
        assert (await stores.held("c"), await stores.held("b")) == ([lost], [])

    staged(main)


def test_what_is_leased_is_on_its_way() -> None:
    """As what is pending is."""

    async def main(stage: Stage) -> None:
        stores = await Stores(stage, "ab", "ab").join()
        await stores.put("a", fresh := live(USER))
        await stage.append(fresh)
        assert len(await stage.journal.lease("b", 10, 60.0)) == 1

        assert (await stores.diff("a", "b")).waiting == 1
        assert [page.waiting for page in await stores.merge("b")] == [1]

    staged(main)


@pytest.mark.parametrize(("has", "kind"), [(True, Fault.UNDELETED), (False, Fault.UNRECORDED)])
def test_a_deletion_that_a_store_has_confirmed_and_lost_is_made_again(has: bool, kind: Fault) -> None:  # noqa: FBT001 - a parameter of the test
    """Whether it has the memory again, or knows nothing of it."""

    async def main(stage: Stage) -> None:
        watched = await Watched(stage, "ab", "ab").join()
        stores = watched.stores
        gone = live(USER)
        await delivered(stores, gone, tombstone(gone, 2_000))
        stores["b"].restore([gone] if has else [])

        page = await stores.diff("a", "b")
        assert (page.differing, page.waiting) == ({"b": {kind: 1}}, 0)
        await watched.patrol.look()
        await stores.deliver()
        assert watched.healings.seen == [("b", kind.value)]
        assert [state.deleted for state in await stores.held("b")] == [True]
        assert (await stores.diff("a", "b")).differing == {}

    staged(main)


def test_a_deletion_that_the_journal_alone_remembers_counts() -> None:
    """The copy is one of a deleted memory, and the patrol has it deleted."""

    async def main(stage: Stage) -> None:
        watched = await Watched(stage, "ab", "ab").join()
        stores = watched.stores
        gone = live(USER)
        await delivered(stores, gone, tombstone(gone, 2_000))
        stores["a"].restore([])
        stores["b"].restore([gone])

        page = await stores.diff("a", "b")
        assert page.differing == {"a": {Fault.UNRECORDED: 1}, "b": {Fault.UNDELETED: 1}}
        await watched.patrol.look()
        await stores.deliver()
        assert [state.deleted for name in "ab" for state in await stores.held(name)] == [True, True]

    staged(main)


def test_what_is_confirmed_during_the_comparison_is_no_difference() -> None:
    """Neither the memory that the store lacked when it was read, nor its history."""

    async def main(stage: Stage) -> None:
        stores = await Stores(stage, "ab", "ab").join()
        await stores.put("a", fresh := live(USER))
        await stage.append(fresh)

        async def read(provider: MockMemoryProvider, *asked: Any, **how: Any) -> Sequence[Snapshot]:  # noqa: ANN401 - passed on
            found = await MockMemoryProvider.snapshots(provider, *asked, **how)
            await stores.deliver()
            return found

        stores["b"].instead["snapshots"] = read
        page = await stores.diff("a", "b")
        assert (page.differing, page.waiting, page.differences, page.more) == ({}, 0, [], 0)

    staged(main)


def test_a_store_with_stale_reads_has_its_time() -> None:
    """What it has taken is on its way until it shows it, and no longer."""

    async def main(stage: Stage) -> None:
        stores = await Stores(stage, "ab", "ab").join()
        stores["b"].behind = stores["b"].declared = 30.0
        await stage.append(live(USER))
        await stores.deliver()
        page = await stores.diff("a", "b")
        assert (page.differing, page.waiting) == ({}, 1)

        await asyncio.sleep(31.0)
        await stores.deliver()
        page = await stores.diff("a", "b")
        assert (page.differing, page.waiting) == ({}, 0)
        stores["b"].restore([])
        page = await stores.diff("a", "b")
        assert (page.differing, page.waiting) == ({"b": {Fault.MISSING: 1}}, 0)

    staged(main)


def test_a_dead_letter_is_not_on_its_way() -> None:
    """It is a difference, which a merge tries to put; the patrol shows it, and leaves it to the operator."""

    async def main(stage: Stage) -> None:
        watched = await Watched(stage, "ab", "ab").join()
        stores = watched.stores
        await refused(stores, "b", live(USER))

        page = await stores.diff("a", "b")
        assert (page.differing, page.waiting) == ({"b": {Fault.MISSING: 1}}, 0)
        await watched.patrol.look()
        assert (watched.healings.seen, watched.patrol.left) == ([], {("b", Fault.MISSING): 1})
        assert stores["b"].put == []

        stores["b"].instead["put_many"] = each(lambda _: InvalidInput("content", "is too long here"))
        [merged] = await stores.merge("b")
        assert (merged.refused, merged.waiting) == (1, 0)
        stores["b"].instead.clear()
        [merged] = await stores.merge("b")
        assert merged.put == 1

    staged(main)


def test_the_patrol_heals_what_a_store_has_confirmed_and_lost() -> None:
    """What it has lost and what is older there; a second round finds nothing."""

    async def main(stage: Stage) -> None:
        watched = await Watched(stage, "ab", "ab").join()
        stores = watched.stores
        lost, older = live(USER, "lost"), live(USER, "older")
        await delivered(stores, lost, older)
        newer = replace(older, version=older.version + 1, content="newer")
        await stores.put("a", newer)
        stores["b"].restore([older])

        await watched.patrol.look()
        assert sorted(watched.healings.seen) == [("b", "missing"), ("b", "older")]
        assert await stores.held("a") == await stores.held("b")
        assert watched.patrol.left == {}

    staged(main)


def test_the_patrol_shows_what_it_may_not_heal() -> None:
    """What a store lacks that others change past us, and a text that was changed there."""

    async def main(stage: Stage) -> None:
        watched = await Watched(stage, "am", "am").join()
        stores = watched.stores
        lost, changed = live(USER, "lost"), live(USER, "changed")
        await delivered(stores, lost, changed)
        [there] = [state for state in await stores.held("m") if state.id == changed.id]
        stores["m"].restore([replace(there, content="changed by hand")])
        stores["m"].edited_by_others = True

        await watched.patrol.look()
        assert watched.patrol.left_at("m")["missing"] == 1
        assert sum(watched.patrol.left_at(name).get("conflicting", 0) for name in "am") == 1
        assert [state.id for state in await stores.held("m")] == [changed.id]

    staged(main)


def test_a_superseded_version_that_a_store_has_confirmed_and_lost_is_counted_and_put() -> None:
    """As long as it is pending there it is on its way."""

    async def main(stage: Stage) -> None:
        stores = await Stores(stage, "ab", "ab").join()
        keep_history(stores, "ab")
        for name in "ab":
            await stage.journal.note_history(name, keeps=True)
        for operation in OPERATIONS:
            await stage.journal.append([operation])
        await stores.put("a", *VERSIONS)
        await stores.put("b", VERSIONS[-1])
        before = await stores.diff("a", "b")
        assert (before.differing, before.waiting) == ({}, 2)

        await stores.deliver()
        assert await kept(stores["b"]) == VERSIONS[:-1]
        stores["b"].restore([VERSIONS[-1]])
        after = await stores.diff("a", "b")
        assert (after.differing, after.waiting) == ({"b": {Fault.VERSION.value: 2}}, 0)
        assert [page.versions for page in await stores.merge("b")] == [2]

    staged(main)


def test_a_backfill_repairs_what_its_target_has_confirmed_and_lost() -> None:
    """A dead letter counts as made, as what is pending does."""

    async def main(stage: Stage) -> None:
        stores = await Stores(stage, "ab", "a").join()
        lost = live(USER, "lost")
        await delivered(stores, lost)
        stores["b"].restore([])
        await refused(stores, "b", live(USER, "refused"))
        source, target = (ComparedStore(link, stage.clock) for link in stores.links)

        results = [result async for result in Verifier(stage.journal, source, target).results(Owner(USER))]
        found = [one.missing for one in results if one != AGREED]
        assert [state and state.id for state in found] == [lost.id]
        assert len(results) == 2

    staged(main)
