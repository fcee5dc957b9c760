"""In memory and simulated time the journal is exact on both sides of every moment."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from providers.journal.operations import Done, Postponed
from providers.journal.sqlite.journal import SqliteJournal
from providers.journal.sqlite.opening import open_memory
from providers.journal.sqlite.running import InlineRunner
from providers.journal.sqlite.watching import POLL_SECONDS
from tests.providers.journal.rig import LONG, confirm, delete, due, leased, put, remember, settle, update
from tests.support.clock import FakeClock, simulate

Scene = Callable[[SqliteJournal, FakeClock], Coroutine[Any, Any, None]]
LITTLE = 0.001


def simulated(scene: Scene) -> None:
    """Run a scene with a journal in memory, which has the member `home`."""

    async def main(clock: FakeClock) -> None:
        connection = open_memory(clock)
        runner = InlineRunner(connection)
        journal = SqliteJournal(connection.journal_id, runner, runner)
        await journal.join("home", "h")
        await scene(journal, clock)
        await journal.close()
        connection.close()

    simulate(main)


def test_what_is_leased_comes_back_at_its_moment() -> None:
    """A little before its end a lease holds, and at that very moment the delivery is due."""

    async def scene(journal: SqliteJournal, clock: FakeClock) -> None:
        entry = await put(journal, remember())
        await leased(journal, "home", 10)
        clock.now += 10 - LITTLE
        assert await due(journal, "home") == []
        clock.now += LITTLE
        assert await due(journal, "home") == [entry.seq]

    simulated(scene)


def test_what_is_postponed_comes_back_at_its_moment() -> None:
    """The delay counts from the settlement, which is the moment of the failure."""

    async def scene(journal: SqliteJournal, clock: FakeClock) -> None:
        entry = await put(journal, remember())
        clock.now += 5
        await settle(journal, Postponed(seq=entry.seq, provider="home", delay=10))
        failed_at = clock.now
        clock.now += 10 - LITTLE
        assert await due(journal, "home") == []
        clock.now += LITTLE
        [delivery] = await leased(journal, "home")
        assert delivery.failed_at == failed_at

    simulated(scene)


def test_a_successor_is_due_with_its_predecessor() -> None:
    """A replacement is due at the very moment at which the predecessor's lease would have ended."""

    async def scene(journal: SqliteJournal, clock: FakeClock) -> None:
        await put(journal, remember("m"))
        await leased(journal, "home", 10)
        clock.now += 5
        edited = await put(journal, update("m", "coffee"))
        clock.now += 5 - LITTLE
        assert await due(journal, "home") == []
        clock.now += LITTLE
        assert await due(journal, "home") == [edited.seq]

    simulated(scene)


def test_those_due_longest_come_first() -> None:
    """A failed delivery does not precede one that was not tried yet."""

    async def scene(journal: SqliteJournal, clock: FakeClock) -> None:
        failed = await put(journal, remember())
        await settle(journal, Postponed(seq=failed.seq, provider="home", delay=10))
        clock.now += 5
        new = await put(journal, remember())
        clock.now += 5
        assert await due(journal, "home") == [new.seq, failed.seq]

    simulated(scene)


@pytest.mark.parametrize("age", [0, 100])
def test_what_is_old_enough_is_pruned(age: float) -> None:
    """An operation is dropped from the very moment on at which it is so old."""

    async def scene(journal: SqliteJournal, clock: FakeClock) -> None:
        entry = await put(journal, remember())
        await confirm(journal, entry)
        clock.now += age
        assert await journal.prune(age + LITTLE) == 0
        assert await journal.prune(age) == 1

    simulated(scene)


def test_a_tombstone_old_enough_is_given() -> None:
    """A tombstone is returned from the very moment on at which it is so old."""

    async def scene(journal: SqliteJournal, clock: FakeClock) -> None:
        tombstone = await put(journal, delete())
        await confirm(journal, tombstone)
        clock.now += 100
        assert await journal.tombstones(10, 100 + LITTLE) == []
        assert [entry.seq for entry in await journal.tombstones(10, 100)] == [tombstone.seq]

    simulated(scene)


def test_a_claim_ends_at_its_moment() -> None:
    """A little before its end another holder does not get the task, and at that very moment it does."""

    async def scene(journal: SqliteJournal, clock: FakeClock) -> None:
        await journal.claim("sweep", "one", 10)
        clock.now += 10 - LITTLE
        assert await journal.claim("sweep", "two", 10) is False
        clock.now += LITTLE
        assert await journal.claim("sweep", "two", 10) is True

    simulated(scene)


def test_the_age_of_a_backlog_is_exact() -> None:
    """The age is that of the oldest pending delivery."""

    async def scene(journal: SqliteJournal, clock: FakeClock) -> None:
        first = await put(journal, remember())
        clock.now += 7
        await put(journal, remember())
        clock.now += 5
        assert (await journal.status()).backlogs[0].oldest_seconds == 12
        await confirm(journal, first)
        assert (await journal.status()).backlogs[0].oldest_seconds == 5

    simulated(scene)


def test_a_wait_takes_simulated_time() -> None:
    """A wait lasts as long as asked if nothing happens, and until a lease ends if there is one."""

    async def scene(journal: SqliteJournal, clock: FakeClock) -> None:
        await journal.wait(0)
        start = clock.now
        await journal.wait(60)
        assert clock.now == pytest.approx(start + 60)

        entry = await put(journal, remember())
        await leased(journal, "home", 40)
        await journal.wait(60)  # for these two
        start = clock.now
        await journal.wait(60)
        assert clock.now == pytest.approx(start + 40)
        await journal.settle([Done(seq=entry.seq, provider="home")])

    simulated(scene)


def test_two_replicas_share_a_connection() -> None:
    """An append of one replica ends the wait of the other, which polls."""

    async def main(clock: FakeClock) -> None:
        connection = open_memory(clock)
        runner = InlineRunner(connection)
        one, other = (SqliteJournal(connection.journal_id, runner, runner) for _ in range(2))
        await one.join("home", "h")
        await other.wait(0)
        await other.wait(0)
        await put(one, remember())
        start = clock.now
        await other.wait(60)
        assert clock.now - start <= POLL_SECONDS

    simulate(main)


@pytest.mark.parametrize(("held", "seconds"), [(None, LITTLE), ("standby", LITTLE), ("home", POLL_SECONDS)])
def test_what_its_caller_delivers_ends_no_wait(held: str | None, seconds: float) -> None:
    """An append of which nothing is left to others is met by the next look for what other processes have done."""

    async def scene(journal: SqliteJournal, _: FakeClock) -> None:
        loop = asyncio.get_running_loop()

        async def waits() -> float:
            await journal.wait(LONG)
            started = loop.time()
            await journal.wait(LONG)
            return loop.time() - started

        waiting = asyncio.create_task(waits())
        await asyncio.sleep(LITTLE)
        await journal.append([remember()], held=held, seconds=10)

        assert await waiting == pytest.approx(seconds)

    simulated(scene)
