"""Notification of the tasks that wait, here and on other hosts, that a delivery may have become due."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress

from providers.journal.observed import LastObserved

_STEP = 0.05  # seconds; all deliveries that become due within one step cause one notification
_QUIET = 0.02  # seconds between two notifications to the other hosts


class Notifier:
    """Wake every task that waits, and remember the notification for tasks that wait later.

    `notify_others` reaches the other hosts, and may fail silently: they look again from time to time.
    """

    def __init__(self, notify_others: Callable[[], Awaitable[None]]) -> None:
        self._notify_others = notify_others
        self._notified = 1
        self._observed = LastObserved(0)
        self._next = asyncio.Event()
        self._planned: dict[int, asyncio.TimerHandle] = {}
        self._notifying: asyncio.Task[None] | None = None
        self._notify_again = False

    def notify(self) -> None:
        """Wake the tasks of this process and of all others."""
        self.notify_here()
        self._notify_again = True
        if self._notifying is None or self._notifying.done():
            self._notifying = asyncio.create_task(self._notify_all_others(), name="notify the other hosts")

    def notify_here(self) -> None:
        """End every wait of this process."""
        self._notified += 1
        self._next.set()
        self._next = asyncio.Event()

    def notify_after(self, seconds: float) -> None:
        """End every wait of this process after so many seconds, or a moment later."""
        loop = asyncio.get_running_loop()
        step = math.ceil((loop.time() + seconds) / _STEP)
        if step not in self._planned:
            self._planned[step] = loop.call_at(step * _STEP, self._notify_as_planned, step)

    async def wait(self, seconds: float) -> None:
        """Wait for a notification since the last wait of this task, or else of any task, but at most this long."""
        if self._notified == self._observed.get():
            notification = self._next
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await notification.wait()
        self._observed.set(self._notified)

    async def close(self) -> None:
        """Stop all notifications."""
        for handle in self._planned.values():
            handle.cancel()
        self._planned.clear()
        if self._notifying is not None:
            self._notifying.cancel()
            await asyncio.gather(self._notifying, return_exceptions=True)

    def _notify_as_planned(self, step: int) -> None:
        del self._planned[step]
        self.notify_here()

    async def _notify_all_others(self) -> None:
        while self._notify_again:
            self._notify_again = False
            await self._notify_others()
            await asyncio.sleep(_QUIET)
