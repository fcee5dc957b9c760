"""Stores that are put back to an earlier state are noticed, brought up again, and believed no sooner."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from msgspec.structs import replace

from providers.answers import Fetched
from providers.chain.chain import Chain
from providers.chain.execution import RESTORED
from providers.chain.stores.watch import DOUBT_SECONDS, IDLE_SECONDS, LOOK_SECONDS, SETTLED_SECONDS
from providers.erasure.fences import Fence, hash_of, new_key
from providers.errors import MemoryNotFound, Unavailable
from providers.introduction import Introduction, StoreMark
from providers.journal.operations import MemberState
from providers.memory.provider import MockMemoryProvider
from providers.owners import Owner
from providers.types import NewMemory, Snapshot
from tests.providers.chain.stage import FILL_SECONDS, USER, Stage, staged
from tests.support.frail import FrailProvider

OWNER = Owner(USER)
MARKED = LOOK_SECONDS + SETTLED_SECONDS + IDLE_SECONDS  # seconds after which a write is behind a mark
NOTICED = IDLE_SECONDS + 2 * DOUBT_SECONDS + 1.0


class Copy:
    """What a store held at one moment."""

    def __init__(self, snapshots: list[Snapshot], mark: StoreMark | None) -> None:
        self._snapshots, self._mark = snapshots, mark

    @classmethod
    async def of(cls, store: FrailProvider) -> "Copy":
        """Copy a store."""
        return cls(await store.snapshots(OWNER), (await store.introduce()).mark)

    def put_back(self, store: FrailProvider) -> None:
        """Put a store back to that moment."""
        store.restore(self._snapshots, self._mark)


async def two(stage: Stage) -> tuple[Chain, FrailProvider, FrailProvider]:
    """Return a chain over two stores that are both in sync."""
    home, standby = stage.store(), stage.store()
    chain = stage.chain()
    await chain.switch([stage.part("home", home), stage.part("standby", standby)])
    await asyncio.sleep(FILL_SECONDS)
    assert await stage.complete() == {"home", "standby"}
    return chain, home, standby


async def found(chain: Chain, memory_id: str) -> Fetched:
    """Get a memory with the facts of its answer."""
    return await chain.provider.fetch(OWNER, memory_id)


def of_lineage(lineage: str) -> Callable[[FrailProvider], Awaitable[Introduction]]:
    """Return what introduces a store whose server is in this history."""

    async def introduce(store: FrailProvider) -> Introduction:
        return replace(await MockMemoryProvider.introduce(store), lineage=lineage)

    return introduce


def test_a_home_that_was_put_back_is_noticed_and_healed() -> None:
    """What it lost is found meanwhile, what was deleted does not come back, and in the end it holds what it should."""

    async def main(stage: Stage) -> None:
        chain, home, standby = await two(stage)
        deleted = await chain.provider.remember(USER, "deleted later")
        await asyncio.sleep(MARKED)
        copy = await Copy.of(home)
        await chain.provider.delete(USER, deleted)
        kept = await chain.provider.remember(USER, "stored later")
        await asyncio.sleep(MARKED)

        copy.put_back(home)
        await asyncio.sleep(NOTICED)
        member = await stage.member("home")
        assert member is not None
        assert (member.epoch, member.restored) == (2, True)
        answer = await found(chain, kept)
        assert (answer.provider, answer.eventual, answer.degraded) == ("standby", False, ())
        with pytest.raises(MemoryNotFound):
            await found(chain, deleted)

        await asyncio.sleep(2 * FILL_SECONDS)
        assert await stage.complete() == {"home", "standby"}
        assert (await home.snapshot(OWNER, kept)) == (await standby.snapshot(OWNER, kept))
        gone = await home.snapshot(OWNER, deleted)
        assert gone is not None
        assert gone.deleted
        mark = (await home.introduce()).mark
        assert mark is not None
        assert mark.epoch == 2

    staged(main)


def test_what_the_journal_has_forgotten_comes_from_the_others() -> None:
    """A store that was put back far is filled from a complete one."""

    async def main(stage: Stage) -> None:
        chain, home, standby = await two(stage)
        await asyncio.sleep(MARKED)
        copy = await Copy.of(home)
        kept = await chain.provider.remember(USER, "stored later")
        await asyncio.sleep(MARKED)
        await stage.journal.prune(0.0)
        assert await stage.journal.newest(OWNER, kept) is None

        copy.put_back(home)
        async with asyncio.timeout(NOTICED):
            while "home" in await stage.complete():  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.1)
        assert (await found(chain, kept)).provider == "standby"
        await asyncio.sleep(2 * FILL_SECONDS)
        assert await home.snapshot(OWNER, kept) == await standby.snapshot(OWNER, kept)
        assert await stage.complete() == {"home", "standby"}

    staged(main)


def test_a_loss_younger_than_the_last_mark_is_found_by_reading_back() -> None:
    """A replica that took over with its last writes missing has the mark that was noted."""

    async def main(stage: Stage) -> None:
        chain, home, _ = await two(stage)
        await asyncio.sleep(MARKED)
        kept = await chain.provider.remember(USER, "stored just before")
        await asyncio.sleep(MARKED)
        mark = (await home.introduce()).mark
        home.restore([], mark)

        await asyncio.sleep(NOTICED + FILL_SECONDS)
        assert await home.snapshot(OWNER, kept) is not None
        member = await stage.member("home")
        assert member is not None
        assert (member.epoch, member.state) == (2, MemberState.COMPLETE)

    staged(main)


def test_what_was_erased_is_not_missed() -> None:
    """While an erasure goes on, the journal knows what it has removed from a store already."""

    async def main(stage: Stage) -> None:
        chain, home, _ = await two(stage)
        await asyncio.sleep(MARKED)
        gone = await chain.provider.remember(USER, "stored just before")
        await asyncio.sleep(MARKED)
        [state] = await home.snapshots(OWNER)
        home_key = new_key()
        fence = Fence(key=home_key, hash=hash_of(home_key, OWNER.key), version=state.version, erased_at=1.0)
        for link in chain.links():
            link.fences.add([fence])
        await home.purge(OWNER, state.version)

        await asyncio.sleep(NOTICED + FILL_SECONDS)
        assert await home.snapshot(OWNER, gone) is None
        member = await stage.member("home")
        assert member is not None
        assert (member.epoch, member.state) == (1, MemberState.COMPLETE)

    staged(main)


def test_a_loss_behind_newer_writes_is_found() -> None:
    """A store that was put back, and has taken a write since, shows its newest one, but not all of the others."""

    async def main(stage: Stage) -> None:
        chain, home, _ = await two(stage)
        await asyncio.sleep(MARKED)
        mark = (await home.introduce()).mark
        home.failures["leave_mark"] = Unavailable("out of reach")
        kept = await chain.provider.remember(USER, "stored since the last mark")
        home.restore([], mark)
        await chain.provider.remember(USER, "stored after it was put back")
        await asyncio.sleep(NOTICED + SETTLED_SECONDS)
        home.failures.clear()
        await asyncio.sleep(FILL_SECONDS)

        assert await home.snapshot(OWNER, kept) is not None
        member = await stage.member("home")
        assert member is not None
        assert member.epoch == 2

    staged(main)


def test_a_server_with_another_history_gets_everything_once_more() -> None:
    """It failed over: whatever it lost by that, it is delivered again, and nobody has to miss anything for that."""

    async def main(stage: Stage) -> None:
        chain, home, _ = await two(stage)
        home.instead["introduce"] = of_lineage("first")
        kept = await chain.provider.remember(USER, "stored before")
        await asyncio.sleep(MARKED)
        before = len(home.calls)
        home.instead["introduce"] = of_lineage("second")
        await asyncio.sleep(NOTICED + 1.0)

        member = await stage.member("home")
        assert member is not None
        assert (member.epoch, member.state) == (2, MemberState.COMPLETE)
        assert {"store_many", "put_many"} & set(home.calls[before:])
        assert chain.route.home is not None
        assert (await found(chain, kept)).eventual is False

    staged(main)


def test_the_only_store_that_was_put_back_serves_on_and_is_marked() -> None:
    """The journal delivers again what it retains; after that nothing can be had that it lacks."""

    async def main(stage: Stage) -> None:
        home = stage.store()
        chain = stage.chain(always=True)
        await chain.switch([stage.part("home", home)])
        await asyncio.sleep(MARKED)
        copy = await Copy.of(home)
        retained = await chain.provider.remember(USER, "the journal retains it")
        await asyncio.sleep(MARKED)

        copy.put_back(home)
        home.failures["put_many"] = home.failures["store_many"] = Unavailable("out of reach")
        await asyncio.sleep(NOTICED)
        answer = await found(chain, retained)
        assert (answer.eventual, answer.degraded) == (True, (RESTORED,))
        stored = await chain.provider.store(NewMemory(owner=OWNER, content="while it is restored"))
        assert RESTORED in stored.degraded

        home.failures.clear()
        await asyncio.sleep(60.0)
        answer = await found(chain, retained)
        assert (answer.provider, answer.eventual, answer.degraded) == ("home", False, ())
        assert await stage.complete() == {"home"}

    staged(main)


def test_of_two_that_were_put_back_the_one_that_lost_least_serves() -> None:
    """Each has something that the other lost; in the end both have it all."""

    async def main(stage: Stage) -> None:
        chain, home, standby = await two(stage)
        await asyncio.sleep(MARKED)
        copy = await Copy.of(home)
        early = await chain.provider.remember(USER, "between the two copies")
        await asyncio.sleep(20 * MARKED)
        newer = await Copy.of(standby)
        await chain.provider.remember(USER, "after both")
        await asyncio.sleep(MARKED)
        await stage.journal.prune(0.0)

        copy.put_back(home)
        newer.put_back(standby)
        home.failures["put_many"] = Unavailable("out of reach")
        await asyncio.sleep(NOTICED)
        answer = await found(chain, early)
        assert (answer.provider, answer.eventual, answer.degraded) == ("standby", True, (RESTORED,))

        home.failures.clear()
        await asyncio.sleep(60.0)
        assert await stage.complete() == {"home", "standby"}
        assert await home.snapshot(OWNER, early) == await standby.snapshot(OWNER, early)
        assert (await found(chain, early)).eventual is False

    staged(main)


def test_a_journal_that_was_put_back_believes_no_store() -> None:
    """The stores have marks that it never allowed: what it has forgotten may have reached some of them alone."""

    async def main(stage: Stage) -> None:
        chain, home, standby = await two(stage)
        await asyncio.sleep(MARKED)
        former = {name: await stage.member(name) for name in ("home", "standby")}
        for number in range(5):
            await chain.provider.remember(USER, f"memory {number}")
            await asyncio.sleep(MARKED)
        only_at_home = await home.remember(USER, "delivered to home alone by what the journal has forgotten")
        for name, member in former.items():
            assert member is not None
            stage.disk.connection.run(
                "UPDATE members SET noted = ?, reserved = ? WHERE name = ?", (member.noted, member.reserved, name)
            )
        await asyncio.sleep(NOTICED)
        member = await stage.member("standby")
        assert member is not None
        assert member.epoch == 2

        await asyncio.sleep(3 * FILL_SECONDS)
        assert await stage.complete() == {"home", "standby"}
        assert await standby.snapshot(OWNER, only_at_home) is not None

    staged(main)
