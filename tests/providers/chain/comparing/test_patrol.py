"""The patrol compares complete stores slowly, heals what the rules decide, and shows the rest."""

import asyncio
from uuid import UUID

import pytest
from msgspec.structs import replace

from providers.chain.comparing.comparison import Fault
from providers.chain.comparing.patrol import LOOK_AGAIN_SECONDS, Patrol
from providers.chain.observer import Unobserved
from providers.chain.policy import PatrolPolicy
from providers.chain.route import Route
from providers.errors import InvalidInput, Unavailable
from tests.providers.chain.comparing.scenery import Stores
from tests.providers.chain.stage import USER, Stage, staged
from tests.support.frail import each
from tests.support.states import live, tombstone


class Healings(Unobserved):
    """An observer that counts what is healed."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def healed(self, provider: str, kind: str) -> None:
        """Note it."""
        self.seen.append((provider, kind))


class Watched:
    """Stores, and a patrol over those that are complete."""

    def __init__(self, stage: Stage, names: str, complete: str, holder: str = "one") -> None:
        self.stores = Stores(stage, names, complete)
        self.healings = Healings()
        self.rests: list[float] = []
        self.patrol = self.of(holder)

    def of(self, holder: str, policy: PatrolPolicy | None = None) -> Patrol:
        """Return the patrol of a process."""
        return Patrol(
            holder,
            self.stores.stage.journal,
            lambda: Route(tuple(self.stores.links), self.stores.complete),
            policy or PatrolPolicy(),
            self.healings,
            sleep=self._sleep,
            now=self.stores.stage.clock,
        )

    async def join(self) -> "Watched":
        """Make the stores members."""
        await self.stores.join()
        return self

    async def _sleep(self, seconds: float) -> None:
        self.rests.append(seconds)
        await asyncio.sleep(seconds)


def test_what_the_rules_decide_is_healed() -> None:
    """Missing and older memories are put, a deletion that one knows is brought to all; a second round finds nothing."""

    async def main(stage: Stage) -> None:
        watched = await Watched(stage, "abc", "abc").join()
        stores = watched.stores
        missing, older, gone, unrecorded = (live(USER, text) for text in ("missing", "older", "gone", "unrecorded"))
        await stores.put("abc", older, gone)
        await stores.put("a", missing)
        await stores.put("b", replace(older, version=2_000, content="newer"), tombstone(unrecorded, 1))
        await stores.put("c", tombstone(gone, 2_000))

        await watched.patrol.look()
        await stores.deliver()
        assert await stores.held("a") == await stores.held("b") == await stores.held("c")
        assert sorted(state.content or "" for state in await stores.held("a")) == ["", "", "missing", "newer"]
        assert sorted(watched.healings.seen) == [
            ("a", "older"),
            ("a", "undeleted"),
            ("a", "unrecorded"),
            ("b", "missing"),
            ("b", "undeleted"),
            ("c", "missing"),
            ("c", "older"),
            ("c", "unrecorded"),
        ]
        assert watched.patrol.left == {}

        watched.healings.seen.clear()
        await watched.patrol.look()
        assert watched.healings.seen == []

    staged(main)


def test_what_was_deleted_in_the_store_itself_is_shown_alone() -> None:
    """A live memory that a store lacks which others change past us is no work of ours; what it lacks otherwise is."""

    async def main(stage: Stage) -> None:
        watched = await Watched(stage, "am", "am").join()
        stores = watched.stores
        deleted_there, newer = live(USER, "deleted in mem0"), live(USER, "edited here")
        await stores.put("a", deleted_there, replace(newer, version=2_000))
        await stores.put("m", newer)
        stores["m"].edited_by_others = True

        await watched.patrol.look()
        assert [state.id for state in await stores.held("m")] == [newer.id]
        assert len(await stores.held("a")) == 2
        assert watched.patrol.left == {("m", Fault.MISSING): 1}
        assert watched.patrol.left_at("m") == {"missing": 1}
        assert watched.patrol.left_at("a") == {}
        assert watched.healings.seen == [("m", "older")]

        await stores.put("a", tombstone(deleted_there, 3_000))
        await watched.patrol.look()
        assert watched.patrol.left == {}

    staged(main)


def test_a_difference_must_last_two_looks() -> None:
    """What a write under way makes differ for a moment is neither healed nor shown."""

    async def main(stage: Stage) -> None:
        watched = await Watched(stage, "ab", "ab").join()
        late = live(USER)
        await watched.stores.put("a", late)
        look = asyncio.create_task(watched.patrol.look())
        await asyncio.sleep(LOOK_AGAIN_SECONDS / 2)
        await watched.stores.put("b", late)
        await look

        assert (watched.healings.seen, watched.patrol.left) == ([], {})
        assert LOOK_AGAIN_SECONDS in watched.rests

    staged(main)


def test_what_the_journal_knows_is_left_to_it() -> None:
    """Deliveries heal it, whatever the stores hold."""

    async def main(stage: Stage) -> None:
        watched = await Watched(stage, "ab", "ab").join()
        await watched.stores.put("a", pending := live(USER))
        await stage.append(pending)

        await watched.patrol.look()
        assert await watched.stores.held("b") == []
        assert (watched.healings.seen, watched.patrol.left) == ([], {})

    staged(main)


@pytest.mark.parametrize("answers", [True, False])
def test_who_is_not_complete_may_know_of_a_deletion(answers: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Its tombstone counts; where it does not answer, nothing is put that it could know as deleted."""

    async def main(stage: Stage) -> None:
        watched = await Watched(stage, "abw", "ab").join()
        stores = watched.stores
        gone = live(USER)
        await stores.put("a", gone)
        await stores.put("w", tombstone(gone, 2_000))
        stores["w"].down = not answers

        await watched.patrol.look()
        assert [state for state in await stores.held("b") if not state.deleted] == []
        assert watched.patrol.left == ({} if answers else {("b", Fault.MISSING): 1})
        stores["w"].down = False
        await stores.deliver()
        assert [state.deleted for state in await stores.held("a")] == [answers]

    staged(main)


def test_what_nothing_decides_is_shown() -> None:
    """Another text under the same version, and what a store refuses."""

    async def main(stage: Stage) -> None:
        watched = await Watched(stage, "ab", "ab").join()
        stores = watched.stores
        strange, refused = live(USER, "strange"), live(USER, "too long for b")
        await stores.put("a", strange, refused, live("another"))
        await stores.put("b", replace(strange, content="changed by hand"))
        stores["b"].instead["put_many"] = each(lambda _: InvalidInput("content", "is too long here"))

        await watched.patrol.look()
        assert sum(watched.patrol.left.values()) == 3
        assert watched.patrol.left_at("b")["missing"] == 2
        assert [state.content for state in await stores.held("b")] == ["changed by hand"]

    staged(main)


def test_a_store_rests_for_all_but_its_share() -> None:
    """After a page that took t seconds come 49 t; a round over equal stores reads summaries alone."""

    async def main(stage: Stage) -> None:
        watched = await Watched(stage, "ab", "ab").join()
        same = [live(f"user-{number:02}") for number in range(45)]
        await watched.stores.put("ab", *same)
        for name in "ab":
            watched.stores[name].seconds = 0.1
            watched.stores[name].calls.clear()
        began = stage.clock()

        await watched.patrol.look()
        calls = watched.stores["a"].calls + watched.stores["b"].calls
        assert "snapshot" not in calls
        spent = 0.1 * len(calls)
        assert spent / (stage.clock() - began) <= 0.02 * 1.001

    staged(main)


def test_it_goes_on_where_it_broke_off() -> None:
    """A store that fails ends a round; the next one goes on at its place, and only one that is whole counts."""

    async def main(stage: Stage) -> None:
        watched = await Watched(stage, "ab", "ab").join()
        first, last = live("user-1"), live("user-2")
        await watched.stores.put("ab", first, last)
        await watched.stores.put("a", missing := live("user-2", "missing"))
        watched.stores["b"].failures["snapshots"] = Unavailable("gone for a moment")
        with pytest.raises(Unavailable):
            await watched.patrol.look()
        watched.stores["b"].failures.clear()

        await watched.stores.put("a", passed := live("user-1", "where the round has been"))
        await watched.patrol.look()
        assert watched.healings.seen == [("b", "missing")]
        assert missing in await watched.stores.held("b", "user-2")
        assert passed not in await watched.stores.held("b", "user-1")

        await watched.patrol.look()
        assert passed in await watched.stores.held("b", "user-1")

    staged(main)


@pytest.mark.parametrize("others", [False, True])
def test_another_process_goes_on_where_the_last_one_was(others: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Also with what that one has found; a round over other stores begins anew, and so does the one after the last."""

    async def main(stage: Stage) -> None:
        watched = await Watched(stage, "abc", "ab").join()
        stores = watched.stores
        await stores.put("abc", live("user-1"))
        # It comes first, whatever ids the others have: what is found is noted with the place behind it.
        await stores.put("a", live("user-1", "too long for b", id=str(UUID(int=1))), live("user-2"))
        stores["b"].instead["put_many"] = each(lambda _: InvalidInput("content", "is too long here"))
        stores["a"].seconds = 2.0
        look = asyncio.create_task(watched.patrol.look())
        while "missing" not in (await stage.journal.patrolled() or ""):  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(1.0)
        look.cancel()
        await asyncio.gather(look, return_exceptions=True)
        stage.clock.now += 3_600
        stores["a"].seconds = 0.0
        if others:
            stores.complete = frozenset("ac")
        stores["b"].instead.clear()
        await stores.put("a", passed := live("user-1", "where the round has been"))

        await (other := watched.of("two")).look()
        assert other.left == ({} if others else {("b", Fault.MISSING): 1})
        assert (passed in await stores.held("c", "user-1")) is others
        assert await stage.journal.patrolled() is None
        if not others:
            await other.look()
            assert passed in await stores.held("b", "user-1")

    staged(main)


def test_one_process_patrols_at_a_time() -> None:
    """Another one takes over when the first has been silent for long."""

    async def main(stage: Stage) -> None:
        watched = await Watched(stage, "ab", "ab").join()
        other = watched.of("two")
        await watched.patrol.look()
        for name in "ab":
            watched.stores[name].calls.clear()

        await other.look()
        assert watched.stores["a"].calls == []
        stage.clock.now += 3_600
        await other.look()
        assert watched.stores["a"].calls != []

    staged(main)


def test_a_single_complete_store_is_not_read() -> None:
    """It differs from nobody; what was shown before is forgotten."""

    async def main(stage: Stage) -> None:
        watched = await Watched(stage, "ab", "ab").join()
        await watched.stores.put("a", live(USER))
        watched.stores["b"].instead["put_many"] = each(lambda _: InvalidInput("content", "is too long here"))
        await watched.patrol.look()
        assert watched.patrol.left != {}

        watched.stores.complete = frozenset("a")
        watched.stores["a"].calls.clear()
        await watched.patrol.look()
        assert (watched.patrol.left, watched.stores["a"].calls) == ({}, [])

    staged(main)


def test_it_runs_by_itself() -> None:
    """A round every so many seconds, also after one that failed."""

    async def main(stage: Stage) -> None:
        watched = await Watched(stage, "ab", "ab").join()
        patrol = watched.of("one", PatrolPolicy(every=60, share=1))
        stage.run(patrol.run())
        watched.stores["a"].down = True
        await asyncio.sleep(90)
        watched.stores["a"].down = False
        await watched.stores.put("a", missing := live(USER))
        assert await watched.stores.held("b") == []

        await asyncio.sleep(60)
        assert await watched.stores.held("b") == [missing]

    staged(main)
