"""A merge brings stores to their union, and nothing that anybody knows as deleted comes back."""

import pytest
from msgspec.structs import replace

from providers.chain.comparing.choosing import AnotherStore
from providers.chain.comparing.comparison import Fault
from providers.chain.comparing.walking import WalkPlace
from providers.errors import InvalidInput, Unavailable
from tests.providers.chain.comparing.scenery import Stores
from tests.providers.chain.filling import Filling
from tests.providers.chain.stage import USER, Stage, staged
from tests.support.frail import each
from tests.support.states import live, tombstone


def test_stores_become_their_union() -> None:
    """What one alone holds goes to the other, the newest version of what both hold to both; again, nothing is left."""

    async def main(stage: Stage) -> None:
        stores = await Stores(stage, "ab", "a").join()
        here, there, both = live(USER, "here"), live("another", "there"), live(USER, "both")
        newer = replace(both, version=2_000, content="newer")
        await stores.put("a", here, both)
        await stores.put("b", there, newer)

        [page] = await stores.merge("b")
        assert (page.users, page.put, page.deleted, page.waiting, page.refused) == (2, 3, 0, 0, 0)
        assert {state.content for state in await stores.held("a")} == {"here", "newer"}
        for user in (USER, "another"):
            assert await stores.held("a", user) == await stores.held("b", user)

        [again] = await stores.merge("b")
        assert (again.put, again.deleted, again.waiting) == (0, 0, 0)

    staged(main)


def test_a_deletion_known_to_one_is_brought_to_all_by_the_journal() -> None:
    """By whichever store it is known: the live copies are deleted, at every member."""

    async def main(stage: Stage) -> None:
        stores = await Stores(stage, "abc", "ab").join()
        here, there = live(USER, "here"), live(USER, "there")
        await stores.put("abc", here, there)
        await stores.put("b", tombstone(here, 2_000))
        await stores.put("c", tombstone(there, 2_000))

        [page] = await stores.merge("c")
        assert (page.deleted, page.put) == (4, 0)
        await stores.deliver()
        for name in "abc":
            assert [state.deleted for state in await stores.held(name)] == [True, True]

    staged(main)


def test_nothing_is_resurrected_that_a_bystander_knows_as_deleted() -> None:
    """A store that is itself not complete is a witness: its tombstone counts, its memories do not go anywhere."""

    async def main(stage: Stage) -> None:
        stores = await Stores(stage, "abw", "a").join()
        gone, strange = live(USER, "gone"), live(USER, "of a stranger")
        await stores.put("b", gone)
        await stores.put("w", tombstone(gone, 2_000), strange)

        await stores.merge("b")
        await stores.deliver()
        for name in "ab":
            assert [state.deleted for state in await stores.held(name)] == [True]

    staged(main)


def test_a_store_that_does_not_answer_may_know_of_a_deletion() -> None:
    """Until every store in the order answers nothing is merged."""

    async def main(stage: Stage) -> None:
        stores = await Stores(stage, "abw", "a").join()
        await stores.put("b", live(USER))
        stores["w"].down = True

        with pytest.raises(Unavailable):
            await stores.merge("b")
        assert await stores.held("a") == []

    staged(main)


def test_what_the_journal_knows_as_deleted_is_not_spread() -> None:
    """Also where all have confirmed the deletion: the copy is deleted once more."""

    async def main(stage: Stage) -> None:
        stores = await Stores(stage, "ab", "a").join()
        gone = live(USER)
        await stage.append(tombstone(gone, 2_000))
        await stores.deliver()
        stores["a"].restore([])
        stores["b"].restore([gone])

        await stores.merge("b")
        assert await stores.held("a") == []
        await stores.deliver()
        assert [state.deleted for state in await stores.held("b")] == [True]

    staged(main)


def test_a_memory_of_which_the_journal_knows_less_than_a_store_is_put() -> None:
    """A journal that was put back delivers what is older than the change that one store holds."""

    async def main(stage: Stage) -> None:
        stores = await Stores(stage, "ab", "a").join()
        first = live(USER)
        await stage.append(first)
        await stores.deliver()
        await stores.put("a", changed := replace(first, version=first.version + 1, content="changed"))

        [page] = await stores.merge("b")
        assert (page.put, page.waiting) == (1, 0)
        assert [state.content for state in await stores.held("b")] == [changed.content]

    staged(main)


def test_a_memory_on_its_way_is_left_to_its_deliveries() -> None:
    """What the journal still knows is not put past it."""

    async def main(stage: Stage) -> None:
        stores = await Stores(stage, "ab", "a").join()
        await stores.put("a", fresh := live(USER))
        await stage.append(fresh)

        [page] = await stores.merge("b")
        assert (page.put, page.waiting, stores["b"].put) == (0, 1, [])
        assert (await stores.diff("a", "b")).waiting == 1

    staged(main)


def test_a_merge_that_breaks_off_goes_on() -> None:
    """Pages end anywhere; what the last page has left is done by the next, and a merge begun again ends equal."""

    async def main(stage: Stage) -> None:
        stores = await Stores(stage, "ab", "a").join()
        await stores.put("a", *(live(f"user-{number % 3}", f"tea {number}") for number in range(9)))
        await stores.put("b", *(live(f"user-{number % 4}", f"milk {number}") for number in range(9)))
        stores["b"].instead["put_many"] = each(lambda _: Unavailable("gone for a moment"))
        with pytest.raises(Unavailable):
            await stores.merge("b")
        stores["b"].instead.clear()
        already = sum([len(await stores.held("a", f"user-{number}")) for number in range(4)]) - 9

        pages = await stores.merge("b", seconds=0.0)
        assert len(pages) > 18
        assert sum(page.put for page in pages) == 18 - already
        for number in range(4):
            assert await stores.held("a", f"user-{number}") == await stores.held("b", f"user-{number}")

    staged(main)


def test_what_is_refused_holds_up_nothing_else() -> None:
    """It is counted, and everything else is merged."""

    async def main(stage: Stage) -> None:
        stores = await Stores(stage, "ab", "a").join()
        await stores.put("a", live(USER, "here"))
        await stores.put("b", live(USER, "there"))
        stores["b"].instead["put_many"] = each(lambda _: InvalidInput("content", "is too long here"))

        [page] = await stores.merge("b")
        assert (page.put, page.refused) == (1, 1)
        assert len(await stores.held("a")) == 2

    staged(main)


def test_without_a_complete_store_all_are_merged() -> None:
    """After a journal was lost nobody is complete."""

    async def main(stage: Stage) -> None:
        stores = await Stores(stage, "abc", "").join()
        for name in "abc":
            await stores.put(name, live(USER, name))

        [page] = await stores.merge("b")
        assert page.put == 6
        assert await stores.held("a") == await stores.held("b") == await stores.held("c")

    staged(main)


def test_another_store_than_the_journal_knows_is_refused() -> None:
    """Before anything is read of it."""

    async def main(stage: Stage) -> None:
        stores = await Stores(stage, "ab", "a").join()
        stores["b"].begin_anew()
        await stores.put("b", live(USER))

        with pytest.raises(AnotherStore, match="b is another store than the journal knows"):
            await stores.merge("b")

    staged(main)


def test_a_refused_newcomer_becomes_complete_by_a_merge() -> None:
    """The way out of "holds memories that the other does not"."""

    async def main(stage: Stage) -> None:
        filling = await Filling(stage).join()
        await filling.target.remember(USER, "of another time")
        gone = await filling.target.remember(USER, "deleted at home")
        await filling.source.put_many([tombstone(live(USER, id=gone), 1)])
        assert "run `ninai providers merge new`" in await filling.refusal()

        stores = Stores(stage, "", "")
        stores.by_name, stores.complete = {"old": filling.source, "new": filling.target}, frozenset({"old"})
        stores.links = [stage.link(name, store) for name, store in stores.by_name.items()]
        await stores.merge("new")
        await filling.fill()
        assert await stage.complete() == {"old", "new"}
        await stores.deliver()
        assert await stores.held("old") == await stores.held("new")
        assert sorted(state.deleted for state in await stores.held("old")) == [False, True]

    staged(main)


def test_differences_are_counted_and_listed_without_texts() -> None:
    """Counts of all, ids of as many as are wanted, and how many are left out."""

    async def main(stage: Stage) -> None:
        stores = await Stores(stage, "ab", "ab").join()
        both, gone = live(USER, "both"), live(USER, "gone")
        await stores.put("a", both, gone, live("another", "a secret"))
        await stores.put("b", both, tombstone(gone, 2_000))

        page = await stores.diff("a", "b", most=1)
        assert (page.users, page.live, page.deleted) == (2, {"a": 3, "b": 1}, {"a": 0, "b": 1})
        assert page.differing == {"a": {Fault.UNDELETED: 1}, "b": {Fault.MISSING: 1}}
        assert [(one.user_id, one.faults, one.waiting) for one in page.differences] == [
            ("another", {"b": Fault.MISSING}, False)
        ]
        assert (page.more, page.next_after) == (1, None)
        assert "secret" not in repr(page)

    staged(main)


def test_a_place_is_a_token_or_is_refused() -> None:
    """Every place comes back as it was; anything else is refused."""
    for place in (WalkPlace("kannan"), WalkPlace("ü" * 50, ""), WalkPlace("a", "0000000f-4240-7d2a-9183-61950248f8f2")):
        assert WalkPlace.read(place.token) == place
    for token in ("", "!", "e30", "é", "WzFd"):
        with pytest.raises(InvalidInput):
            WalkPlace.read(token)
