"""Blocking work in a thread that may hang for ever."""

import asyncio
from collections.abc import Callable
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


async def aside(work: Callable[[], T]) -> T:
    """Run `work` in a daemon thread, which the process does not wait for at its end: a file system may hang."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(settled: Callable[[], None]) -> None:
        if not done.done():
            settled()

    def run() -> None:
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 - raised in the caller, which would otherwise wait for ever
            failure = error  # the name in the except clause ends with it
            call_in(loop, lambda: settle(lambda: done.set_exception(failure)))
        else:
            call_in(loop, lambda: settle(lambda: done.set_result(result)))

    Thread(target=run, name="aside", daemon=True).start()
    return await done


def call_in(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    """Have a loop call something, from another thread."""
    # A thread may come back after the loop has ended.
    if not loop.is_closed():
        loop.call_soon_threadsafe(callback)
