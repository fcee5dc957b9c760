"""A store is judged by what it says of itself after its member was read, and by nothing older."""

import asyncio
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from providers.chain.stores.claims import IDENTITY_SECONDS
from providers.chain.stores.founding import Undecided, found
from providers.chain.stores.registrar import Registrar
from providers.errors import Unavailable
from providers.introduction import Introduction, StoreMark
from providers.journal.operations import Done, MemberState
from providers.types import Snapshot
from tests.providers.chain.stage import USER, Stage, staged
from tests.support.chain_rig import INSTALLATION
from tests.support.frail import FrailProvider

SNAPSHOT = Snapshot(
    user_id="kannan", id="a-memory", version=1, content="a memory", created_at=datetime(2026, 1, 1, tzinfo=UTC)
)


async def _marked(stage: Stage, store: FrailProvider) -> tuple[Registrar, list[Introduction]]:
    """Return a registrar, and what a store said of itself after each of two marks."""
    registrar = Registrar(stage.journal, INSTALLATION, wall=stage.clock)
    await registrar.claim_journal(None)
    await stage.journal.join("a", await store.identity(), MemberState.COMPLETE)
    said = []
    introduction = await store.introduce()
    for _ in range(2):
        member = await stage.member("a")
        assert member is not None
        introduction = await registrar.leave_mark(store, introduction, member)
        said.append(introduction)
    return registrar, said


def test_what_a_store_said_before_another_process_left_a_mark_is_no_rollback() -> None:
    """Neither if it says so again at once, nor if it does not answer then."""

    async def main(stage: Stage) -> None:
        store = stage.store()
        registrar, [first, second] = await _marked(stage, store)
        before = await stage.member("a")
        store.errors.append(Unavailable("for a moment"))

        assert await registrar.meet("a", store, first) is None
        assert await stage.member("a") == before
        assert await registrar.meet("a", store, first) == second
        assert await stage.member("a") == before

    staged(main)


def test_a_store_with_an_older_mark_was_rolled_back() -> None:
    """What it says when it is asked again counts."""

    async def main(stage: Stage) -> None:
        store = stage.store()
        registrar, [first, _] = await _marked(stage, store)
        before = await stage.member("a")
        assert before is not None
        store._mark = first.mark  # noqa: SLF001 - as a backup would put it back

        await registrar.meet("a", store)
        assert await stage.member("a") == replace(
            before,
            state=MemberState.FILLING,
            epoch=before.epoch + 1,
            noted=0,
            restored=True,
            behind=0.0,
            ours=True,
        )

    staged(main)


def test_a_store_that_takes_the_mark_of_another_process_once_more_was_rolled_back() -> None:
    """It was put back while this process still worked with what it had said of itself before."""

    async def main(stage: Stage) -> None:
        store = stage.store()
        registrar, [first, _] = await _marked(stage, store)
        before = await stage.member("a")
        assert before is not None
        store._mark = first.mark  # noqa: SLF001 - as a backup would put it back

        assert await registrar.leave_mark(store, first, replace(before, noted=1)) == first
        member = await stage.member("a")
        assert member is not None
        assert (member.state, member.epoch, member.restored) == (MemberState.FILLING, 2, True)

    staged(main)


def test_a_process_that_is_slow_to_note_its_mark_finds_nothing_out() -> None:
    """Whoever came after it has left the next mark, and noted that."""

    async def main(stage: Stage) -> None:
        store = stage.store()
        registrar, [_, second] = await _marked(stage, store)
        before = await stage.member("a")
        assert before is not None

        async def meanwhile(_store: FrailProvider, mark: StoreMark, former: StoreMark | None) -> bool:
            del store.instead["leave_mark"]
            left = await store.leave_mark(mark, former)
            await registrar.leave_mark(store, replace(second, mark=mark), before)
            return left

        store.instead["leave_mark"] = meanwhile
        await registrar.leave_mark(store, second, before)
        member = await stage.member("a")
        assert member is not None
        assert (member.state, member.epoch, member.noted) == (MemberState.COMPLETE, 1, 4)

    staged(main)


def test_who_never_had_everything_is_not_restored() -> None:
    """It lost something of what it had got so far, and answers as little as before."""

    async def main(stage: Stage) -> None:
        store = stage.store()
        registrar, [first, _] = await _marked(stage, store)
        await stage.journal.mark("a", MemberState.FILLING)
        store._mark = first.mark  # noqa: SLF001 - as a backup would put it back

        await registrar.meet("a", store)
        member = await stage.member("a")
        assert member is not None
        assert (member.state, member.epoch, member.restored) == (MemberState.FILLING, 2, False)

    staged(main)


@pytest.mark.parametrize("holds", [True, False])
def test_a_newcomer_that_was_empty_holds_nothing_but_ours(holds: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Neither a new name nor another store under a known one; what it gets later changes nothing."""

    async def main(stage: Stage) -> None:
        registrar, _ = await _marked(stage, stage.store())
        for _ in range(2):
            store = stage.store()
            if holds:
                await store.remember(USER, "a memory of whoever had it before")
            assert await registrar.meet("b", store) is not None
            await store.remember(USER, "a memory that was delivered")
            await registrar.meet("b", store)
            await asyncio.sleep(2 * IDENTITY_SECONDS)  # until another store may have the name
            member = await stage.member("b")
            assert member is not None
            assert (member.identity, member.ours) == (await store.identity(), not holds)

    staged(main)


def test_what_a_wrong_store_may_have_confirmed_is_delivered_again() -> None:
    """Another store answered under the name for a moment: the right one may lack what was delivered meanwhile."""

    async def main(stage: Stage) -> None:
        store, wrong = stage.store(), stage.store()
        registrar, _ = await _marked(stage, store)
        await registrar.meet("a", store)
        await stage.append(SNAPSHOT)
        [delivery] = await stage.journal.lease("a", 1, 10.0)
        await stage.journal.settle([Done(seq=delivery.seq, provider="a")])

        assert await registrar.meet("a", wrong) is None
        assert [one.seq for one in await stage.journal.pending(10, provider="a")] == [delivery.seq]
        assert await registrar.meet("a", wrong) is None
        member = await stage.member("a")
        assert member is not None
        assert (member.state, member.epoch) == (MemberState.COMPLETE, 2)

    staged(main)


def test_a_new_journal_is_trusted_when_it_is_founded() -> None:
    """Until then it may be in the place of the one to which a silent store belongs, and accepts nothing."""

    async def main(stage: Stage) -> None:
        registrar, store = Registrar(stage.journal, INSTALLATION, wall=stage.clock), stage.store()
        links = [stage.link("a", store), stage.link("b", stage.store())]
        with pytest.raises(Undecided):
            await found(registrar, links, {"a": None, "b": None})
        assert not registrar.trusted

        await found(registrar, links, {link.name: await link.provider.introduce() for link in links})
        assert registrar.trusted

    staged(main)
