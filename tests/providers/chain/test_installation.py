"""A journal and its stores carry the id of their installation, and a journal of another one is not believed at once."""

import asyncio

import pytest

from providers.chain.errors import OrderRefused
from providers.chain.membership import Membership
from providers.chain.stores.adopting import Adopter, StoreInUse
from providers.chain.stores.claims import IDENTITY_SECONDS
from providers.chain.stores.in_sync import InSyncSet
from providers.chain.stores.registrar import Registrar
from providers.introduction import StoreMark
from providers.journal.operations import MemberState
from providers.owners import Owner
from tests.providers.chain.stage import FILL_SECONDS, USER, Stage, staged
from tests.support.chain_rig import INSTALLATION
from tests.support.frail import FrailProvider


def membership(stage: Stage, installation: str | None, kept: list[str], **stores: FrailProvider) -> Membership:
    """Return the membership of a process of an installation, which notes the ids that it is to keep."""
    links = [stage.link(name, store) for name, store in stores.items()]
    made = Membership.of("one", stage.journal, lambda: links, lambda _found: None, installation, now=stage.clock)
    made.registrar.keep = kept.append
    return made


async def admitted(made: Membership) -> InSyncSet:
    """Put its order in force."""
    return await made.admit(made.links(), {})


def marked(journal: str, *, pending: bool, installation: str = "theirs") -> StoreMark:
    """Return the mark of a journal that is gone."""
    return StoreMark(installation=installation, journal=journal, epoch=3, number=7, at=100.0, pending=pending)


def test_a_new_installation_gets_an_id_with_its_first_journal() -> None:
    """It is kept, and the journal has it."""

    async def main(stage: Stage) -> None:
        kept: list[str] = []
        found = await admitted(membership(stage, None, kept, a=stage.store()))

        assert found.names == {"a"}
        assert kept == [await stage.journal.installation()]

    staged(main)


def test_an_installation_with_an_id_gives_it_to_its_journal() -> None:
    """Nothing is kept that was known."""

    async def main(stage: Stage) -> None:
        kept: list[str] = []
        await admitted(membership(stage, "ours", kept, a=stage.store()))

        assert (await stage.journal.installation(), kept) == ("ours", [])

    staged(main)


def test_a_lost_data_folder_gets_the_id_that_its_only_store_was_told() -> None:
    """If the former journal had nothing pending for it when its service ended."""

    async def main(stage: Stage) -> None:
        kept: list[str] = []
        store = stage.store()
        store.restore([], marked("gone", pending=False))
        found = await admitted(membership(stage, None, kept, a=store))

        assert (set(found.names), kept) == ({"a"}, ["theirs"])
        assert await stage.journal.installation() == "theirs"

    staged(main)


def test_a_store_whose_journal_may_have_held_something_gives_no_id() -> None:
    """It is refused, with the way on, and nothing is noted."""

    async def main(stage: Stage) -> None:
        kept: list[str] = []
        store = stage.store()
        store.restore([], marked("gone", pending=True))

        with pytest.raises(OrderRefused, match="ninai journal adopt"):
            await admitted(membership(stage, None, kept, a=store))
        assert (await stage.journal.installation(), kept) == (None, [])

    staged(main)


@pytest.mark.parametrize("own", [None, "another"])
def test_the_journal_of_another_installation_is_believed_once_a_store_confirms_it(own: str | None) -> None:
    """Until then nothing is accepted; afterwards its id is ours."""

    async def main(stage: Stage) -> None:
        store = stage.store()
        await admitted(membership(stage, INSTALLATION, [], a=store))
        kept: list[str] = []
        made = membership(stage, own, kept, a=store)
        store.down = True
        await admitted(made)
        trusted = made.registrar.trusted
        store.down = False
        found = await admitted(made)

        assert (trusted, made.registrar.trusted) == (False, True)
        assert (set(found.names), kept) == ({"a"}, [INSTALLATION])

    staged(main)


def test_our_own_journal_is_believed_with_every_store_down() -> None:
    """It accepts writes and shows what is pending."""

    async def main(stage: Stage) -> None:
        store = stage.store()
        await admitted(membership(stage, "ours", [], a=store))
        made = membership(stage, "ours", [], a=store)
        store.down = True
        await admitted(made)

        assert made.registrar.trusted

    staged(main)


def test_a_journal_of_a_former_program_that_has_met_no_store_is_believed() -> None:
    """It belongs to nobody, and no store could say that it belongs to it; one that has met a store waits for a word."""

    async def main(stage: Stage) -> None:
        store = stage.store()
        await stage.journal.join("a", None)
        made = membership(stage, None, [], a=store)
        await admitted(made)
        assert made.registrar.trusted

    async def met(stage: Stage) -> None:
        store = stage.store()
        await stage.journal.join("a", "a store")
        store.down = True
        made = membership(stage, None, [], a=store)
        await admitted(made)
        assert not made.registrar.trusted

    staged(main)
    staged(met)


def adopter(stage: Stage, **stores: FrailProvider) -> Adopter:
    """Return what takes stores over."""
    links = [stage.link(name, store) for name, store in stores.items()]
    return Adopter(Registrar(stage.journal, INSTALLATION), links)


def test_adopted_stores_are_merged_and_complete() -> None:
    """One of those that hold something serves meanwhile, marked; a deletion that one of them knows wins."""

    async def main(stage: Stage) -> None:
        one, two, empty = stage.store(), stage.store(), stage.store()
        mine, theirs = await one.remember(USER, "of one"), await two.remember(USER, "of two")
        for store in (one, two):
            store._mark = marked("gone", pending=True)  # noqa: SLF001 - what a chain that is gone has left
        adoption = adopter(stage, empty=empty, one=one, two=two)
        plan = await adoption.plan()
        await adoption.adopt(plan)
        members = {member.name: member for member in await stage.journal.members()}
        links = [stage.link(name, store) for name, store in (("empty", empty), ("one", one), ("two", two))]
        process = await stage.process("p", links).start()
        first = (process.complete, set(process.restored))
        await asyncio.sleep(2 * FILL_SECONDS)

        assert [(store.provider, store.holds, store.former, store.pending) for store in plan.stores] == [
            ("empty", False, None, False),
            ("one", True, "gone", True),
            ("two", True, "gone", True),
        ]
        assert {name for name, member in members.items() if member.restored} == {"one", "two"}
        assert min(members["one"].epoch, members["two"].epoch) > 3
        assert first == (frozenset(), {"one", "two"})
        assert process.complete == {"empty", "one", "two"}
        for store in (one, two, empty):
            assert [await store.snapshot(Owner(USER), which) is not None for which in (mine, theirs)] == [True, True]

    staged(main)


def test_an_adoption_changes_nothing_before_it_is_carried_out() -> None:
    """A plan leaves journal and stores as they were."""

    async def main(stage: Stage) -> None:
        store = stage.store()
        await adopter(stage, a=store).plan()

        assert (await stage.journal.members(), await stage.journal.installation()) == ([], None)
        assert (await store.introduce()).mark is None

    staged(main)


def test_every_store_must_answer() -> None:
    """Who is silent may hold what the others lack."""

    async def main(stage: Stage) -> None:
        silent = stage.store()
        silent.down = True

        with pytest.raises(OrderRefused, match="b does not answer"):
            await adopter(stage, a=stage.store(), b=silent).plan()

    staged(main)


def test_stores_in_use_are_not_adopted() -> None:
    """A process that looks at a store keeps it; one that has ended is forgotten after a while."""

    async def main(stage: Stage) -> None:
        store = stage.store()
        identity = (await store.introduce()).identity
        await stage.journal.claim("store a", identity, 10 * IDENTITY_SECONDS)
        adoption = adopter(stage, a=store)
        plan = await adoption.plan()
        with pytest.raises(StoreInUse):
            await adoption.adopt(plan)
        members = await stage.journal.members()
        await stage.journal.claim("store a", identity, IDENTITY_SECONDS / 2)
        await adoption.adopt(plan)

        assert members == []
        assert await stage.member("a") is not None

    staged(main)


def test_members_that_are_left_out_are_named_and_not_complete_any_more() -> None:
    """Should one come back, it must neither answer nor be waited for."""

    async def main(stage: Stage) -> None:
        gone, there = stage.store(), stage.store()
        await stage.journal.join("gone", (await gone.introduce()).identity, MemberState.COMPLETE)
        await stage.journal.join("unmet", None, MemberState.COMPLETE)
        adoption = adopter(stage, a=there)
        plan = await adoption.plan()
        await adoption.adopt(plan)

        assert plan.left == ("gone", "unmet")
        assert await stage.complete() == set()
        left = [await stage.member(name) for name in plan.left]
        assert [member.restored for member in left if member is not None] == [False, False]

    staged(main)


def test_a_journal_of_another_installation_is_named_unless_a_store_knows_it() -> None:
    """Its pending writes would be shown to our users."""

    async def main(stage: Stage) -> None:
        theirs, ours = stage.store(), stage.store()
        await stage.journal.installation("theirs")
        await stage.journal.join("theirs", (await theirs.introduce()).identity, MemberState.COMPLETE)

        assert (await adopter(stage, a=ours).plan()).foreign == "theirs"
        assert (await adopter(stage, a=ours, b=theirs).plan()).foreign is None

    staged(main)
