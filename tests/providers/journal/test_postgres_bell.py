"""The bell of a process: who waits is woken, who was busy meanwhile is not forgotten, and others are called seldom."""

import asyncio
import time

from providers.journal.postgres.bell import Bell


class Others:
    """Count the calls to other hosts."""

    def __init__(self) -> None:
        self.calls = 0

    async def call(self) -> None:
        """Be called."""
        self.calls += 1


async def test_each_task_hears_what_rang_while_it_was_busy() -> None:
    """Of several tasks that wait in turn with their work, each is woken by a ring that came during its work."""
    bell = Bell(Others().call)
    busy = asyncio.Event()

    async def work() -> float:
        await bell.wait(0)
        await busy.wait()
        started = time.monotonic()
        await bell.wait(5)
        return time.monotonic() - started

    tasks = [asyncio.create_task(work()) for _ in range(3)]
    await asyncio.sleep(0.05)
    bell.ring_here()
    busy.set()
    assert max(await asyncio.gather(*tasks)) < 1


async def test_what_is_planned_rings_once_in_time() -> None:
    """Moments near each other are one ring, not before the first of them."""
    bell = Bell(Others().call)
    await bell.wait(0)
    started = time.monotonic()
    for thousandth in range(20):
        bell.ring_after(0.2 + thousandth / 1_000)

    await bell.wait(5)
    assert 0.2 <= time.monotonic() - started < 1
    await bell.close()


async def test_many_rings_are_few_calls() -> None:
    """Others are called again only after a moment, and for the last ring in any case."""
    others = Others()
    bell = Bell(others.call)
    for _ in range(1_000):
        bell.ring()
        await asyncio.sleep(0)
    calls = others.calls
    bell.ring()
    await asyncio.sleep(0.1)

    assert calls < 100
    assert others.calls > calls
    await bell.close()
