"""Looking again after writes of which nobody knows whether they happened: they may still land, long after."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import structlog

from observability import tracing
from providers import background
from providers.errors import ProviderError, Unavailable
from providers.types import Snapshot

# Seconds after the write; between them they span what proxies and servers hold a request for.
LOOKS = (5.0, 30.0, 120.0)
MAX_WAITING = 1_000

_log = structlog.get_logger(__name__)


class Aftercare:
    """Have memories tidied some time after a write of theirs was broken off or got no answer."""

    def __init__(
        self,
        tidied: Callable[[str, str], Awaitable[object]],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._tidied = tidied
        self._sleep = sleep
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}

    @contextmanager
    def of(self, state: Snapshot) -> Iterator[None]:
        """Watch one write."""
        try:
            yield
        except (ProviderError, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) or (isinstance(error, Unavailable) and error.ambiguous):
                self._look_after(state.user_id, state.id)
            raise

    async def close(self) -> None:
        """Stop looking."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _look_after(self, user_id: str, memory_id: str) -> None:
        key = (user_id, memory_id)
        if key not in self._tasks and len(self._tasks) < MAX_WAITING:
            self._tasks[key] = asyncio.create_task(
                self._run(user_id, memory_id), name="mem0-aftercare", context=background.detached()
            )
            self._tasks[key].add_done_callback(lambda _: self._tasks.pop(key, None))

    async def _run(self, user_id: str, memory_id: str) -> None:
        waited = 0.0
        for moment in LOOKS:
            await self._sleep(moment - waited)
            waited = moment
            try:
                with tracing.root("look after a late write"):
                    await self._tidied(user_id, memory_id)
            except ProviderError as error:
                _log.info("mem0_aftercare_postponed", reason=error.outcome)
