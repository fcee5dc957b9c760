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
