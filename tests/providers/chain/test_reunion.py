"""Stores that were rolled back are complete again without a source only if there is none."""

import pytest

from providers.chain.backfill import NotBackfilled
from providers.chain.reunion import Reunion
from providers.journal.operations import MemberState
from providers.owners import Owner
from tests.providers.chain.stage import USER, Stage, staged
from tests.support.frail import FrailProvider


async def rolled_back(stage: Stage, name: str) -> FrailProvider:
    """Return the store of a member that was in sync before it lost something."""
    store = stage.store()
    identity = await store.identity()
    member = await stage.journal.join(name, identity, MemberState.COMPLETE)
    await stage.journal.restart(name, epoch=member.epoch, identity=identity, restored=True)
    return store


def reunion(stage: Stage, stores: dict[str, FrailProvider]) -> Reunion:
    """Return a reunion as a process does it that has met these stores."""
    return Reunion("one", stage.journal, [stage.link(name, store) for name, store in stores.items()], stage.clock)


def test_whoever_was_rolled_back_waits_for_who_has_everything() -> None:
    """Also where the process has not met that store, which does not answer."""

    async def main(stage: Stage) -> None:
        await stage.journal.join("home", "a store", MemberState.COMPLETE)
        store = await rolled_back(stage, "standby")

        with pytest.raises(NotBackfilled, match=r"^home has received everything, and the others are filled from it$"):
            await reunion(stage, {"standby": store}).run()
        assert await stage.complete() == {"home"}

    staged(main)


def test_who_were_all_rolled_back_are_complete_together() -> None:
    """Nobody has what they lack, and each is given what only the other still has."""

    async def main(stage: Stage) -> None:
        stores = {name: await rolled_back(stage, name) for name in ("home", "standby")}
        memory_id = await stores["standby"].remember(USER, "a memory")

        await reunion(stage, stores).run()
        assert await stage.complete() == {"home", "standby"}
        assert await stores["home"].snapshot(Owner(USER), memory_id) is not None

    staged(main)


async def newcomer(stage: Stage, *, ours: bool) -> tuple[FrailProvider, str]:
    """Return the store of a member that is still being filled, with the id of a memory that it holds."""
    store = stage.store()
    await stage.journal.join("newcomer", await store.identity(), MemberState.FILLING, ours=ours)
    return store, await store.remember(USER, "a memory that nobody else has")


@pytest.mark.parametrize("names", [["home"], ["home", "standby"]])
def test_a_newcomer_has_the_last_copy_of_what_it_was_delivered(names: list[str]) -> None:
    """It began empty, so that nothing in it is a stranger's; it becomes complete in no other way than before."""

    async def main(stage: Stage) -> None:
        stores = {name: await rolled_back(stage, name) for name in names}
        last, memory_id = await newcomer(stage, ours=True)
        kept = await stores["home"].remember(USER, "a memory that the newcomer lacks")

        await reunion(stage, stores | {"newcomer": last}).run()
        assert await stage.complete() == set(names)
        assert [await store.snapshot(Owner(USER), memory_id) is not None for store in stores.values()] == [True] * len(
            names
        )
        assert await last.snapshot(Owner(USER), kept) is None

    staged(main)


def test_a_newcomer_that_cannot_be_asked_is_waited_for() -> None:
    """It may have the last copy; until then the answers say that something may be missing."""

    async def main(stage: Stage) -> None:
        store = await rolled_back(stage, "home")
        await newcomer(stage, ours=True)

        with pytest.raises(NotBackfilled, match=r"^newcomer was being filled, and may hold what the others lost$"):
            await reunion(stage, {"home": store}).run()
        assert await stage.complete() == set()

    staged(main)


def test_what_a_newcomer_brought_along_is_shown_to_nobody() -> None:
    """Its memories may be those of strangers; it is not waited for either."""

    async def main(stage: Stage) -> None:
        store = await rolled_back(stage, "home")
        last, memory_id = await newcomer(stage, ours=False)

        await reunion(stage, {"home": store, "newcomer": last}).run()
        assert await stage.complete() == {"home"}
        assert await store.snapshot(Owner(USER), memory_id) is None

    staged(main)
