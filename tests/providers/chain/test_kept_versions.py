"""Versions that come from elsewhere go through the journal to every store that keeps history, whoever is away."""

import asyncio
from collections.abc import Sequence
from types import NoneType

from msgspec.structs import replace

from providers.answers import Stored
from providers.chain.chain import Chain
from providers.erasure.fences import new_key
from providers.erasure.receipts import Erasure
from providers.errors import MemoryDeleted, MemoryNotFound
from providers.histories import HistoriesQuery
from providers.history import HistoryQuery
from providers.owners import Owner
from providers.types import Snapshot
from tests.providers.chain.stage import FILL_SECONDS, USER, Stage, staged
from tests.providers.journal.rig import update
from tests.support.frail import FrailProvider

OWNER = Owner(USER)
BEFORE = ["tea", "coffee"]
NEVER_THERE = "018f0000-0000-7000-8000-00000000abcd"


def before(memory_id: str) -> list[Snapshot]:
    """Return versions that a memory had in another store."""
    return [update(memory_id, text, version=place, user=USER).state for place, text in enumerate(BEFORE, 2)]


async def started(stage: Stage, home: FrailProvider, standby: FrailProvider) -> Chain:
    """Return a chain over both, which has met and filled them."""
    chain = stage.chain()
    await chain.switch([stage.part("home", home), stage.part("standby", standby)])
    await asyncio.sleep(FILL_SECONDS)
    return chain


async def texts(store: FrailProvider) -> list[str | None]:
    """Return what a store keeps beside the newest versions."""
    store.failures.clear()
    return [state.content for state in await store.superseded(OWNER)]


def confirmed(results: Sequence[object]) -> list[bool]:
    """Return of each version that was added whether home has it."""
    assert all(isinstance(one, Stored) for one in results), results
    return [one.confirmed for one in results if isinstance(one, Stored)]


def found(results: Sequence[object]) -> list[bool]:
    """Return of each version that was added whether it was there already."""
    assert all(isinstance(one, Stored) for one in results), results
    return [one.found for one in results if isinstance(one, Stored)]


def test_all_stores_get_them() -> None:
    """Also the one that was away, and a repetition changes nothing."""

    async def main(stage: Stage) -> None:
        home, standby = (FrailProvider(stage.clock, keeps_history=True) for _ in range(2))
        chain = await started(stage, home, standby)
        memory_id = await chain.provider.remember(USER, "milk")
        standby.down = True
        assert confirmed(await chain.provider.keep_versions(before(memory_id))) == [True, True]
        assert confirmed(await chain.provider.keep_versions(before(memory_id))) == [True, True]
        page = await chain.provider.history(HistoryQuery(owner=OWNER, memory_id=memory_id))
        assert [state.content for state in page.versions] == ["milk", *BEFORE[::-1]]
        standby.down = False
        await asyncio.sleep(90)

        assert await texts(home) == await texts(standby) == BEFORE
        assert {backlog.pending + backlog.dead for backlog in (await stage.journal.status()).backlogs} == {0}

    staged(main)


def test_what_is_there_is_found() -> None:
    """By the journal as long as that knows it, then by the stores; what only the standby lacks is brought to it."""

    async def main(stage: Stage) -> None:
        home, standby = (FrailProvider(stage.clock, keeps_history=True) for _ in range(2))
        chain = await started(stage, home, standby)
        memory_id = await chain.provider.remember(USER, "milk")
        older, newer = before(memory_id)
        assert found(await chain.provider.keep_versions([older])) == [False]
        assert found(await chain.provider.keep_versions([older, newer])) == [True, False]
        await asyncio.sleep(30)
        await stage.journal.prune(0)
        assert await stage.journal.superseded(OWNER, memory_id) == []
        assert found(await chain.provider.keep_versions([older, newer])) == [True, True]
        home.down = True
        assert found(await chain.provider.keep_versions([older, newer])) == [True, True]
        home.down = False
        await asyncio.sleep(90)

        assert await texts(home) == await texts(standby) == BEFORE

    staged(main)


def test_what_nobody_can_tell_is_taken_as_new() -> None:
    """It is durable either way."""

    async def main(stage: Stage) -> None:
        home, standby = (FrailProvider(stage.clock, keeps_history=True) for _ in range(2))
        chain = await started(stage, home, standby)
        memory_id = await chain.provider.remember(USER, "milk")
        await chain.provider.keep_versions(before(memory_id))
        await asyncio.sleep(30)
        await stage.journal.prune(0)
        await chain.provider.update(USER, memory_id, content="water")
        home.down = standby.down = True
        results = await chain.provider.keep_versions(before(memory_id))

        assert (found(results), confirmed(results)) == ([False, False], [False, False])

    staged(main)


def test_they_are_accepted_while_home_is_down() -> None:
    """They are in the history at once, and at home when that is back."""

    async def main(stage: Stage) -> None:
        home, standby = (FrailProvider(stage.clock, keeps_history=True) for _ in range(2))
        chain = await started(stage, home, standby)
        memory_id = await chain.provider.remember(USER, "milk")
        await asyncio.sleep(5)
        home.down = True
        assert confirmed(await chain.provider.keep_versions(before(memory_id))) == [False, False]
        page = await chain.provider.history(HistoryQuery(owner=OWNER, memory_id=memory_id))
        assert [state.content for state in page.versions] == ["milk", *BEFORE[::-1]]
        home.down = False
        await asyncio.sleep(90)

        assert await texts(home) == await texts(standby) == BEFORE

    staged(main)


def test_a_store_without_history_may_be_home() -> None:
    """Those that keep it get them; it is read where it is kept."""

    async def main(stage: Stage) -> None:
        home, standby = stage.store(), FrailProvider(stage.clock, keeps_history=True)
        chain = await started(stage, home, standby)
        memory_id = await chain.provider.remember(USER, "milk")
        assert confirmed(await chain.provider.keep_versions(before(memory_id))) == [True, True]
        await asyncio.sleep(30)

        assert await texts(standby) == BEFORE
        page = await chain.provider.histories(HistoriesQuery(owner=OWNER))
        assert ([version.content for version in page.versions], page.provider) == (BEFORE, "standby")

    staged(main)


def test_nobody_who_keeps_history_takes_none() -> None:
    """Neither the journal nor a store."""

    async def main(stage: Stage) -> None:
        chain = await started(stage, stage.store(), stage.store())
        memory_id = await chain.provider.remember(USER, "milk")

        assert await chain.provider.keep_versions(before(memory_id)) == [None, None]
        assert (await chain.provider.histories(HistoriesQuery(owner=OWNER))).versions == []
        assert await stage.journal.superseded(OWNER, memory_id) == []

    staged(main)


def test_a_deletion_is_heard_of_everywhere() -> None:
    """One that waits in the journal, one that home alone knows, and what was never there; none is told any more."""

    async def main(stage: Stage) -> None:
        home, standby = (FrailProvider(stage.clock, keeps_history=True) for _ in range(2))
        chain = await started(stage, home, standby)
        waits, known = [await chain.provider.remember(USER, text) for text in ("milk", "water")]
        await chain.provider.keep_versions(before(waits))
        await chain.provider.delete(USER, known)
        await asyncio.sleep(30)
        await stage.journal.prune(0)
        tombstones = await stage.journal.tombstones(10, 0)
        await stage.journal.forget([entry.seq for entry in tombstones])
        home.down = standby.down = True
        await chain.provider.delete(USER, waits)
        home.down = standby.down = False
        results = await chain.provider.keep_versions([before(one)[0] for one in (waits, known, NEVER_THERE)])
        told = await chain.provider.histories(HistoriesQuery(owner=OWNER))

        assert [type(one) for one in results] == [MemoryDeleted, MemoryDeleted, MemoryNotFound]
        assert told.versions == []
        await asyncio.sleep(90)
        assert await texts(home) == await texts(standby) == []

    staged(main)


def test_what_is_from_before_an_erasure_is_left_out() -> None:
    """The fence of the user refuses it, also where the user has come back with the memory."""

    async def main(stage: Stage) -> None:
        home, standby = (FrailProvider(stage.clock, keeps_history=True) for _ in range(2))
        chain = await started(stage, home, standby)
        begun = await stage.journal.begin_erasure(Erasure(id="e", owner=OWNER.key, hash="", requested_at=0.0))
        await stage.journal.fence(replace(begun, version=2), new_key())
        memory_id = await chain.provider.remember(USER, "milk")
        results = await chain.provider.keep_versions(before(memory_id))
        await asyncio.sleep(30)

        assert [type(one) for one in results] == [NoneType, Stored]
        assert await texts(home) == await texts(standby) == BEFORE[1:]

    staged(main)
