"""Reconciliation of ambiguous writes: one of which nobody knows whether it happened may still land, long after."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import structlog

from observability import tracing
from providers import background
from providers.errors import ProviderError, Unavailable
from providers.owners import Owner
from providers.types import Snapshot

# Seconds after the write; between them they span what proxies and servers hold a request for.
DELAYS = (5.0, 30.0, 120.0)
MAX_PENDING = 1_000
TASK_NAME = "mem0-reconciliation"

Sleep = Callable[[float], Awaitable[None]]  # takes seconds
_log = structlog.get_logger(__name__)


class Reconciliation:
    """Have a memory reconciled some time after a write of it was broken off or got no answer."""

    def __init__(self, reconcile: Callable[[Owner, str], Awaitable[object]], sleep: Sleep = asyncio.sleep) -> None:
        self._reconcile, self._sleep = reconcile, sleep
        self._tasks: dict[tuple[Owner, str], asyncio.Task[None]] = {}

    @contextmanager
    def watch(self, state: Snapshot) -> Iterator[None]:
        """Watch one write of a state, and schedule the reconciliation if it ends in doubt."""
        try:
            yield
        except (ProviderError, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) or (isinstance(error, Unavailable) and error.ambiguous):
                self._schedule(state.owner, state.id)
            raise

    async def close(self) -> None:
        """Cancel what is scheduled."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _schedule(self, owner: Owner, memory_id: str) -> None:
        key = (owner, memory_id)
        if key not in self._tasks and len(self._tasks) < MAX_PENDING:
            work, context = self._run(owner, memory_id), background.detached()
            self._tasks[key] = asyncio.create_task(work, name=TASK_NAME, context=context)
            self._tasks[key].add_done_callback(lambda _: self._tasks.pop(key, None))

    async def _run(self, owner: Owner, memory_id: str) -> None:
        waited = 0.0
        for delay in DELAYS:
            await self._sleep(delay - waited)
            waited = delay
            try:
                with tracing.root("look after a late write"):
                    await self._reconcile(owner, memory_id)
            except ProviderError as error:
                _log.info("mem0_aftercare_postponed", reason=error.outcome)
