"""Waiting until something may have become due, in this process, in another one, or by the passing of time."""

import asyncio
from collections.abc import Awaitable, Callable
from weakref import WeakKeyDictionary

from providers.journal.sqlite.delivering import Signs

POLL_SECONDS = 0.25  # between two looks for what other processes have done; a look reads one number in shared memory

Look = Callable[[float | None], Awaitable[Signs]]


class Waiting:
    """Remembers what each task saw last, so that nothing is missed between two waits."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._noticed = asyncio.Event()
        self._seen: Signs | None = None  # by whoever was the last to wait
        self._seen_by: WeakKeyDictionary[asyncio.Task[object], Signs] = WeakKeyDictionary()

    def notice(self) -> None:
        """End a wait at once."""
        self._noticed.set()

    async def wait(self, seconds: float) -> None:
        """Wait for something new since the last wait of this task, or else of any, ended, but at most so long."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        task = asyncio.current_task()
        seen = self._seen if task is None else self._seen_by.get(task, self._seen)
        while True:
            self._noticed.clear()
            signs = await self._look(None if seen is None else seen.now)
            remaining = deadline - loop.time()
            due_in = remaining if signs.next_due is None else signs.next_due - signs.now
            if seen is None or signs.changes != seen.changes or due_in <= 0 or remaining <= 0:
                self._seen = signs
                if task is not None:
                    self._seen_by[task] = signs
                return
            try:
                async with asyncio.timeout(min(POLL_SECONDS, remaining, due_in)):
                    await self._noticed.wait()
            except TimeoutError:
                pass
