"""The notifier wakes tasks that wait, forgets none that was busy meanwhile, and seldom notifies other hosts."""

import asyncio
import time

from providers.journal.postgres.notifier import Notifier


class Others:
    """Count the notifications to other hosts."""

    def __init__(self) -> None:
        self.notified = 0

    async def notify(self) -> None:
        """Count one."""
        self.notified += 1


async def test_each_task_is_woken_by_a_notification_while_it_was_busy() -> None:
    """Of several tasks that wait in turn with their work, each is woken by a notification during its work."""
    notifier = Notifier(Others().notify)
    busy = asyncio.Event()

    async def work() -> float:
        await notifier.wait(0)
        await busy.wait()
        started = time.monotonic()
        await notifier.wait(5)
        return time.monotonic() - started

    tasks = [asyncio.create_task(work()) for _ in range(3)]
    await asyncio.sleep(0.05)
    notifier.notify_here()
    busy.set()
    assert max(await asyncio.gather(*tasks)) < 1


async def test_planned_notifications_come_once_in_time() -> None:
    """Moments near each other are one notification, not before the first of them."""
    notifier = Notifier(Others().notify)
    await notifier.wait(0)
    started = time.monotonic()
    for thousandth in range(20):
        notifier.notify_after(0.2 + thousandth / 1_000)

    await notifier.wait(5)
    assert 0.2 <= time.monotonic() - started < 1
    await notifier.close()


async def test_many_notifications_are_few_to_others() -> None:
    """Others are notified again only after a moment, and for the last notification in any case."""
    others = Others()
    notifier = Notifier(others.notify)
    for _ in range(1_000):
        notifier.notify()
        await asyncio.sleep(0)
    notified = others.notified
    notifier.notify()
    await asyncio.sleep(0.1)

    assert notified < 100
    assert others.notified > notified
    await notifier.close()
