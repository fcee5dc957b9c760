"""The question whether a provider answers at all, asked for next to nothing, one at a time."""

import asyncio
from collections.abc import Awaitable, Callable

from providers import background


class LivenessProbe:
    """Ask in the background, and tell what was heard; a question that ends with a bug has heard nothing."""

    __slots__ = ("_ping", "_provider", "_task")

    def __init__(self, provider: str, ping: Callable[[], Awaitable[bool]]) -> None:
        self._provider = provider
        self._ping = ping
        self._task: asyncio.Task[None] | None = None

    @property
    def under_way(self) -> bool:
        """Whether nothing has been heard yet."""
        return self._task is not None and not self._task.done()

    def start(self, report: Callable[[bool], None]) -> None:
        """Ask, and call `report` with the answer; what an earlier question would have report is of no interest any more."""
        if self._task is not None:
            self._task.cancel()

        async def ask() -> None:
            report(await self._ping())

        def failed(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and task.exception() is not None:
                report(False)

        self._task = background.start_once(ask(), f"ask whether {self._provider} answers")
        self._task.add_done_callback(failed)

    async def close(self) -> None:
        """Ask nothing any more."""
        if self._task is not None:
            await background.stop(self._task)
