"""Background tasks: a bug in one is logged, and ends neither that task for good nor any other."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Coroutine
from contextlib import asynccontextmanager
from contextvars import Context
from typing import Any

import structlog

from observability import tracing
from providers.timing import time_limit

AGAIN_SECONDS = 5.0  # after a bug
_CANCELLED_SECONDS = 0.2  # for what has been cancelled to end

_log = structlog.get_logger(__name__)


def start(work: Callable[[], Coroutine[Any, Any, None]], name: str) -> asyncio.Task[None]:
    """Start work that runs for ever; if a bug ends it, it is started again after a pause."""
    return asyncio.create_task(_going_on(work, name), name=name, context=detached())


def start_once(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    """Start work that ends by itself; if a bug ends it, the bug is logged."""
    task = asyncio.create_task(work, name=name, context=detached())
    task.add_done_callback(note_bug)
    return task


def detached() -> Context:
    """Return a context for a task that outlives the request that starts it, without its trace and time limit."""
    context = tracing.detached()
    context.run(time_limit.ends_at.set, None)
    return context


async def stop(task: asyncio.Task[Any]) -> None:
    """Cancel a task and wait for its end."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def ended(tasks: Collection[asyncio.Task[Any]], seconds: float) -> None:
    """Wait until all tasks have ended, but no longer than this; the rest is cancelled, and left to end by itself."""
    if not tasks:
        return
    _, late = await asyncio.wait(tasks, timeout=seconds)
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late, timeout=_CANCELLED_SECONDS)


@asynccontextmanager
async def running(task: asyncio.Task[None]) -> AsyncIterator[None]:
    """Stop a task at the end of the context."""
    try:
        yield
    finally:
        await stop(task)


async def _going_on(work: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
    while True:
        try:
            await work()
        except Exception:  # noqa: BLE001 - logged with its traceback below; no caller waits for this task
            # If it ended for good, promises would stay unkept until a restart while requests are still served.
            _log.exception("background_task_failed", task=name)
            await asyncio.sleep(AGAIN_SECONDS)
        else:
            return


def note_bug(task: asyncio.Task[Any]) -> None:
    """Log the bug with which a task has ended, if one did."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("background_task_failed", task=task.get_name(), exc_info=error)
