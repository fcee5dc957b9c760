"""With several hosts on one journal each operation counts once, and no host disturbs another."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from providers.errors import Conflict, MemoryDeleted, Rejected
from providers.journal.operations import Appended, Done, Operation, OutOfDate
from providers.journal.postgres.journal import PostgresJournal
from providers.owners import Owner
from tests.providers.journal.postgres_rig import opened
from tests.providers.journal.rig import LONG, USER, delete, entries, leased, put, remember, update
from tests.support.postgres import connected

ROUNDS = 20


@pytest.fixture
async def hosts(database: str) -> AsyncIterator[tuple[PostgresJournal, PostgresJournal]]:
    """Hold two hosts with the members `home` and `standby`."""
    async with opened(database) as one, opened(database) as other:
        await one.join("home", None)
        await one.join("standby", None)
        yield one, other


async def both(
    hosts: tuple[PostgresJournal, PostgresJournal], first: Operation, second: Operation
) -> list[Appended | Rejected]:
    """Append an operation on each host at the same time."""
    answers = await asyncio.gather(hosts[0].append([first]), hosts[1].append([second]))
    return [answer for [answer] in answers]


async def test_of_two_updates_from_one_version_one_is_out_of_date(
    hosts: tuple[PostgresJournal, PostgresJournal],
) -> None:
    """Two hosts that edit the same memory at the same time do not overwrite each other's edit unseen."""
    for _ in range(ROUNDS):
        memory_id = str(uuid4())
        await put(hosts[0], remember(memory_id))
        answers = await both(hosts, update(memory_id, "coffee"), update(memory_id, "milk"))

        assert sorted(type(answer).__name__ for answer in answers) == [Appended.__name__, OutOfDate.__name__]
        [appended] = [answer for answer in answers if isinstance(answer, Appended)]
        assert await hosts[0].newest(Owner(USER), memory_id) == appended.entry


async def test_of_two_equal_memories_one_is_repeated(hosts: tuple[PostgresJournal, PostgresJournal]) -> None:
    """A write that a client sends to two hosts at the same time is one memory."""
    for _ in range(ROUNDS):
        memory_id = str(uuid4())
        answers = await both(hosts, remember(memory_id), remember(memory_id))

        appended = [answer for answer in answers if isinstance(answer, Appended)]
        assert sorted(answer.repeated for answer in appended) == [False, True]
        assert len({answer.entry.seq for answer in appended}) == 1


async def test_of_two_different_memories_one_is_a_conflict(hosts: tuple[PostgresJournal, PostgresJournal]) -> None:
    """One id is given to one of two memories only."""
    for _ in range(ROUNDS):
        memory_id = str(uuid4())
        answers = await both(hosts, remember(memory_id), remember(memory_id, "coffee"))

        assert sorted(type(answer).__name__ for answer in answers) == [Appended.__name__, Conflict.__name__]


async def test_a_deletion_wins_over_an_update(hosts: tuple[PostgresJournal, PostgresJournal]) -> None:
    """Whichever comes first, the memory ends deleted, and only the deletion is delivered."""
    for _ in range(ROUNDS):
        memory_id = str(uuid4())
        await put(hosts[0], remember(memory_id))
        deleted, updated = await both(hosts, delete(memory_id), update(memory_id, "coffee"))

        assert isinstance(deleted, Appended)
        assert isinstance(updated, Appended | MemoryDeleted)
        if isinstance(updated, Appended):
            assert updated.entry.seq < deleted.entry.seq
        assert await hosts[0].newest(Owner(USER), memory_id) == deleted.entry
        given = [item for item in await leased(hosts[1], "home", LONG) if item.state.id == memory_id]
        assert [item.seq for item in given] == [deleted.entry.seq]


@pytest.mark.thorough
async def test_batches_in_any_order_do_not_deadlock(hosts: tuple[PostgresJournal, PostgresJournal]) -> None:
    """Calls that share memories in different orders, and settlements in between, wait for each other and end."""
    ids = [str(uuid4()) for _ in range(30)]
    for turn in range(5):
        forwards = [update(memory_id, "coffee", base=99, version=turn) for memory_id in ids]
        left = await entries(hosts[0])
        backwards = [Done(seq=entry.seq, provider=name) for entry in left for name in ("standby", "home")]
        await hosts[0].settle(backwards)
        answers = await asyncio.gather(
            hosts[0].append(forwards), hosts[1].append(forwards[::-1]), hosts[1].append(forwards)
        )

        assert all(isinstance(answer, Appended) for call in answers for answer in call)


@pytest.mark.thorough
async def test_renewals_and_appends_in_any_order_do_not_deadlock(
    hosts: tuple[PostgresJournal, PostgresJournal],
) -> None:
    """A renewal during a replacement is of the old delivery or of the new one, and every call ends."""
    ids = [str(uuid4()) for _ in range(30)]
    answers = await hosts[0].append([remember(memory_id) for memory_id in ids], held="home", seconds=LONG)
    leases = [
        answer.entry.lease for answer in answers if isinstance(answer, Appended) and answer.entry.lease is not None
    ]
    for turn in range(5):
        forwards = [update(memory_id, "coffee", base=99, version=turn) for memory_id in ids]
        renewed, _, _ = await asyncio.gather(
            hosts[0].renew("home", leases[::-1], LONG), hosts[1].append(forwards), hosts[0].append(forwards[::-1])
        )
        # Where it was replaced at that very moment it has the lease that it had.
        leases = [lease or former for lease, former in zip(renewed, leases[::-1], strict=True)]

    assert None not in await hosts[1].renew("home", leases, LONG)
    assert await leased(hosts[0], "home") == []


@pytest.mark.thorough
async def test_appending_and_dropping_do_not_deadlock(hosts: tuple[PostgresJournal, PostgresJournal]) -> None:
    """While entries are confirmed and dropped all the time, appends to the same memories end consistently."""
    chance = random.Random(11)  # noqa: S311 - the same operations every run
    ids = [str(uuid4()) for _ in range(40)]

    async def append(journal: PostgresJournal) -> None:
        for _ in range(15):
            chosen = chance.sample(ids, 20)
            await journal.append([chance.choice([remember, delete])(memory_id) for memory_id in chosen])

    async def drop(journal: PostgresJournal) -> None:
        for _ in range(15):
            for name in ("home", "standby"):
                taken = await leased(journal, name)
                await journal.settle([Done(seq=delivery.seq, provider=name) for delivery in taken])
            await journal.prune(0)
            await journal.forget([entry.seq for entry in await journal.tombstones(100, 0)])

    await asyncio.gather(*(work(host) for host in hosts for work in (append, append, drop)))
    await drop(hosts[0])
    assert (await hosts[0].status()).operations == 0


async def test_the_numbers_of_a_memory_grow_as_they_are_committed(
    hosts: tuple[PostgresJournal, PostgresJournal],
) -> None:
    """A later append has a greater number, however many are appended at the same time."""

    async def edit(journal: PostgresJournal) -> tuple[int, str | None]:
        [answer] = await journal.append([update("m", str(uuid4()), base=99)])
        assert isinstance(answer, Appended)
        return answer.entry.seq, None if answer.former is None else answer.former.content

    edits = await asyncio.gather(*(edit(hosts[turn % 2]) for turn in range(100)))

    newest = await hosts[0].newest(Owner(USER), "m")
    assert newest is not None
    assert newest.seq == max(seq for seq, _ in edits)
    assert len({former for _, former in edits}) == 100


async def test_nobody_else_gets_what_is_leased(hosts: tuple[PostgresJournal, PostgresJournal]) -> None:
    """Two hosts that lease at the same time get different deliveries, together all of them."""
    await hosts[0].append([remember() for _ in range(200)])

    taken = await asyncio.gather(*(hosts[turn % 2].lease("home", 30, LONG) for turn in range(10)))
    times = Counter(delivery.seq for batch in taken for delivery in batch)
    assert len(times) == 200
    assert set(times.values()) == {1}


async def test_another_host_is_woken(hosts: tuple[PostgresJournal, PostgresJournal]) -> None:
    """A host that waits is woken within a second of an append by another host."""
    for _ in range(3):
        await hosts[1].wait(0.1)
    waiting = asyncio.create_task(hosts[1].wait(10))
    await asyncio.sleep(0.05)
    await put(hosts[0], remember())

    async with asyncio.timeout(1):
        await waiting


async def test_through_a_pooler_everything_works_but_being_woken(database: str) -> None:
    """A journal works without prepared statements and without listening as it does with them."""
    async with opened(database, pooler="pgbouncer", pool_size=2) as journal:
        await journal.join("home", None)
        entry = await put(journal, remember("m"))
        assert [delivery.seq for delivery in await leased(journal, "home")] == [entry.seq]
        async with connected(database) as observer:
            listening = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query ~ '^LISTEN'"
            assert await observer.fetchval(listening) == 0


async def test_whoever_joins_gets_all_that_follows(hosts: tuple[PostgresJournal, PostgresJournal]) -> None:
    """Operations appended before, while and after a provider joins are all due at it."""
    appends = [asyncio.create_task(hosts[turn % 2].append([remember()])) for turn in range(50)]
    await asyncio.sleep(0.01)
    await hosts[0].join("late", None)
    appends += [asyncio.create_task(hosts[turn % 2].append([remember()])) for turn in range(50)]
    answers = [answer for [answer] in await asyncio.gather(*appends)]

    entries = [answer.entry for answer in answers if isinstance(answer, Appended)]
    told = {entry.seq for entry in entries if "late" in entry.pending}
    assert {delivery.seq for delivery in await leased(hosts[1], "late")} == {entry.seq for entry in entries}
    assert len(told) >= 50
