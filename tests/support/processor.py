"""A processor in simulated time: what is to be computed takes turns, and whoever comes waits for a whole round."""

import asyncio
from collections import deque

SLICE = 0.001  # seconds of work at a time, as a step of a coroutine


class Processor:
    """Compute what it is asked to, at a speed that can change while it does; 1.0 is a second of work in a second."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._ready: deque[tuple[list[float], asyncio.Future[None]]] = deque()
        self._running: asyncio.Task[None] | None = None

    @property
    def delay(self) -> float:
        """Return the seconds until a new arrival would have its first turn."""
        return len(self._ready) * SLICE / self.speed

    async def compute(self, seconds: float) -> None:
        """Take so much work in turns with everybody else."""
        done = asyncio.get_running_loop().create_future()
        self._ready.append(([seconds], done))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        await done

    async def _run(self) -> None:
        while self._ready:
            left, done = self._ready[0]
            await asyncio.sleep(min(SLICE, left[0]) / self.speed)
            self._ready.popleft()
            left[0] -= SLICE
            if done.done():
                continue  # whoever wanted it has gone
            if left[0] > 0:
                self._ready.append((left, done))
            else:
                done.set_result(None)
        self._running = None
