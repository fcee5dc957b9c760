"""Work in the background: a bug in it is told, and ends neither it nor anything else for good."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any

import structlog

from observability import tracing
from providers.timing import time_limit

AGAIN_SECONDS = 5.0  # after a bug

_log = structlog.get_logger(__name__)


def start(work: Callable[[], Coroutine[Any, Any, None]], name: str) -> asyncio.Task[None]:
    """Start work that shall go on; if a bug ends it, it begins anew after a pause."""
    return asyncio.create_task(_going_on(work, name), name=name, context=detached())


def start_once(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    """Start work that comes to an end by itself; if a bug ends it, that is told."""
    task = asyncio.create_task(work, name=name, context=detached())
    task.add_done_callback(_noted)
    return task


def detached() -> Context:
    """Give a context for a task that outlives what it was begun by: no piece of its trace, not bound by its time."""
    context = tracing.detached()
    context.run(time_limit.ends_at.set, None)
    return context


async def stop(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for its end."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _going_on(work: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
    while True:
        try:
            await work()
        except Exception:  # noqa: BLE001 - told with its traceback below; nobody waits for this task who could hear of it
            # Ended for good it would leave promises unkept until a restart, and others would still be served.
            _log.exception("background_task_failed", task=name)
            await asyncio.sleep(AGAIN_SECONDS)
        else:
            return


def _noted(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("background_task_failed", task=task.get_name(), exc_info=error)
