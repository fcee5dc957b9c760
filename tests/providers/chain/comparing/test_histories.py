"""Stores that keep history get the superseded versions that another of them has, whoever compares them."""

import asyncio

import pytest

from providers.chain.comparing.comparison import Fault
from providers.owners import Owner
from providers.replica import Replica
from providers.retention import NO_HISTORY
from providers.types import Snapshot
from tests.providers.chain.comparing.scenery import Stores
from tests.providers.chain.comparing.test_patrol import Watched
from tests.providers.chain.stage import FILL_SECONDS, USER, Stage, staged
from tests.providers.journal.rig import remember, update
from tests.support.frail import FrailProvider
from tests.support.versions import EVERY_VERSION

OWNER = Owner(USER)
ID = "00000000-0000-4000-8000-000000000001"
OPERATIONS = [
    remember(ID, user=USER),
    update(ID, "coffee", user=USER),
    update(ID, "milk", base=2, version=3, user=USER),
]
VERSIONS = [operation.state for operation in OPERATIONS]


def keep_history(stores: Stores, names: str) -> None:
    """Let stores keep history."""
    for name in names:
        stores[name]._retention = EVERY_VERSION  # noqa: SLF001 - before anything is in it


async def kept(store: Replica) -> list[Snapshot]:
    """Return the superseded versions in a store."""
    return await store.superseded(OWNER)


async def apart(stores: Stores) -> None:
    """Let the first store have every version, the second one the last two, and the third one only the newest."""
    keep_history(stores, "ab")
    await stores.put("a", *VERSIONS)
    await stores.put("b", *VERSIONS[1:])
    await stores.put("c", VERSIONS[-1])


def test_a_merge_completes_histories() -> None:
    """Of those that keep one; and a second one finds nothing to do."""

    async def main(stage: Stage) -> None:
        stores = await Stores(stage, "abc", "abc").join()
        await apart(stores)
        [page] = await stores.merge("b")

        assert (page.versions, page.put) == (1, 0)
        assert await kept(stores["b"]) == VERSIONS[:-1]
        assert await kept(stores["c"]) == []
        assert [page.versions for page in await stores.merge("b")] == [0]

    staged(main)


def test_a_difference_of_histories_is_counted() -> None:
    """Unless the journal knows the version, so that its delivery is under way."""

    async def main(stage: Stage) -> None:
        stores = await Stores(stage, "abc", "abc").join()
        await apart(stores)
        before = await stores.diff("a", "b")
        for name in "ab":
            await stage.journal.note_history(name, keeps=True)
        for operation in OPERATIONS[:2]:
            await stage.journal.append([operation])
        after = await stores.diff("a", "b")

        assert (before.differing, before.waiting) == ({"b": {Fault.VERSION.value: 1}}, 0)
        assert (after.differing, after.waiting) == ({}, 1)

    staged(main)


def test_the_patrol_completes_histories() -> None:
    """And shows what it has healed."""

    async def main(stage: Stage) -> None:
        watched = await Watched(stage, "abc", "abc").join()
        await apart(watched.stores)
        await watched.patrol.look()

        assert await kept(watched.stores["b"]) == VERSIONS[:-1]
        assert watched.healings.seen == [("b", Fault.VERSION.value)]

    staged(main)


@pytest.mark.parametrize("keeps", [True, False])
def test_a_filled_newcomer_has_the_same_history(keeps: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """If it keeps one."""

    async def main(stage: Stage) -> None:
        home, newcomer = (FrailProvider(stage.clock, keeps_history=True) for _ in range(2))
        await home.take(VERSIONS)
        if not keeps:
            newcomer._retention = NO_HISTORY  # noqa: SLF001 - before anything is in it
        chain = stage.chain()
        await chain.switch([stage.part("home", home), stage.part("newcomer", newcomer)])
        await asyncio.sleep(FILL_SECONDS)

        assert await stage.complete() == {"home", "newcomer"}
        assert await newcomer.snapshot(OWNER, ID) == VERSIONS[-1]
        assert await kept(newcomer) == (VERSIONS[:-1] if keeps else [])

    staged(main)
