"""Every journal promises that a wait ends when a delivery may be due, from anywhere, and never lasts too long."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from providers.journal.base import Journal
from providers.journal.operations import Dead, Done, Postponed
from tests.providers.journal.rig import LONG, confirm, delete, leased, put, remember, settle, update

PROMPT = 5.0  # seconds, half of what a wait that hears of nothing lasts; a busy machine takes its time
DUE = 1.5  # seconds, longer than it takes until there is nothing new

SchemaStep = Callable[[Journal], Awaitable[None]]


async def quiet(journal: Journal) -> None:
    """Wait until there is nothing new."""
    for _ in range(3):
        await journal.wait(0.05)


async def waited(journal: Journal, seconds: float) -> float:
    """Return how long a wait lasts."""
    started = time.monotonic()
    await journal.wait(seconds)
    return time.monotonic() - started


async def test_a_wait_ends_when_its_time_is_over(journal: Journal) -> None:
    """A wait lasts as long as it was asked to if nothing happens, and a wait for no time ends at once."""
    await quiet(journal)

    assert 0.25 <= await waited(journal, 0.3) < PROMPT
    assert await waited(journal, 0) < 0.25


async def append(journal: Journal) -> None:
    """Append an operation."""
    await put(journal, remember())


async def retry(journal: Journal) -> None:
    """Retry a dead letter."""
    [letter] = await journal.dead(1)
    await journal.retry(letter.seq, letter.provider)


async def redeliver(journal: Journal) -> None:
    """Redeliver a tombstone."""
    [tombstone] = await journal.tombstones(1, 0)
    await journal.redeliver(tombstone.seq, "home")


@pytest.mark.parametrize("step", [append, retry, redeliver])
@pytest.mark.parametrize("where", ["here", "elsewhere"])
async def test_what_becomes_due_ends_a_wait(journal: Journal, elsewhere: Journal, step: SchemaStep, where: str) -> None:
    """An append, a retried dead letter and a redelivered tombstone end a wait, by this process and by another one."""
    await confirm(journal, await put(journal, delete()))
    dead = await put(journal, remember())
    await settle(journal, Dead(seq=dead.seq, provider="home", error="no"))
    await leased(journal, "standby", LONG)
    await quiet(journal)

    waiting = asyncio.create_task(waited(journal, 10))
    await asyncio.sleep(0.05)
    await step(journal if where == "here" else elsewhere)
    assert await waiting < PROMPT


async def test_what_was_appended_before_a_wait_ends_it(journal: Journal, elsewhere: Journal) -> None:
    """A change between two waits is not missed."""
    await quiet(journal)
    await append(journal)
    assert await waited(journal, 10) < PROMPT
    await quiet(journal)
    await append(elsewhere)
    assert await waited(journal, 10) < PROMPT


async def test_each_task_hears_of_everything(journal: Journal) -> None:
    """A change while one task is busy ends its next wait, even if another task has already observed it."""
    listening, happened = asyncio.Event(), asyncio.Event()

    async def busy() -> float:
        await quiet(journal)
        listening.set()
        await happened.wait()
        return await waited(journal, 10)

    waiting = asyncio.create_task(busy())
    await listening.wait()
    await append(journal)
    await quiet(journal)
    happened.set()
    assert await waiting < PROMPT


async def test_the_passing_of_time_ends_a_wait(journal: Journal) -> None:
    """A leased or postponed delivery ends a wait when it is due, without a write."""
    entry = await append_one(journal)
    await leased(journal, "home", DUE)
    await leased(journal, "standby", LONG)
    await quiet(journal)
    assert await waited(journal, 10) < PROMPT

    await settle(journal, Postponed(seq=entry, provider="home", delay=DUE))
    await quiet(journal)
    assert await waited(journal, 10) < PROMPT


async def test_the_return_of_what_was_leased_ends_a_wait(journal: Journal) -> None:
    """A settlement ends a wait, because the delivery that has replaced the settled one is due."""
    await put(journal, remember("m"))
    [taken] = await leased(journal, "home", LONG)
    await leased(journal, "standby", LONG)
    edited = await put(journal, update("m", "coffee"))
    await quiet(journal)

    waiting = asyncio.create_task(waited(journal, 10))
    await asyncio.sleep(0.05)
    await journal.settle([Done(seq=taken.seq, provider="home", lease=taken.lease)])
    assert await waiting < PROMPT
    assert [delivery.seq for delivery in await leased(journal, "home")] == [edited.seq]


async def append_one(journal: Journal) -> int:
    """Append an operation, and return its number."""
    return (await put(journal, remember())).seq


async def test_a_cancelled_wait_leaves_the_journal_usable(journal: Journal) -> None:
    """A cancelled wait ends at once, and the next one waits as before."""
    await quiet(journal)
    waiting = asyncio.create_task(journal.wait(10))
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert await waited(journal, 0.1) < PROMPT
    await append(journal)
    assert await waited(journal, 10) < PROMPT
