"""The liveness probe of a provider: a ping in the background, one at a time."""

import asyncio
from collections.abc import Awaitable, Callable

from msgspec import Struct

from providers import background


class LivenessProbe(Struct):
    """Ping in the background, and report the result; a ping that ends with a bug counts as unanswered."""

    provider: str
    ping: Callable[[], Awaitable[bool]]
    _task: asyncio.Task[None] | None = None

    @property
    def under_way(self) -> bool:
        """Whether a probe is running."""
        return self._task is not None and not self._task.done()

    def start(self, report: Callable[[bool], None]) -> None:
        """Start a probe, and pass its result to `report`; a probe that still runs is cancelled."""
        if self._task is not None:
            self._task.cancel()

        async def ask() -> None:
            report(await self.ping())

        def failed(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and task.exception() is not None:
                report(False)

        self._task = background.start_once(ask(), f"ask whether {self.provider} answers")
        self._task.add_done_callback(failed)

    async def close(self) -> None:
        """Stop probing."""
        if self._task is not None:
            await background.stop(self._task)
