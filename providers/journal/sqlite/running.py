"""Running work on a connection: in a thread of its own, or inline in simulated time."""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

from providers.journal.sqlite.connection import JournalConnection, Work

Result = TypeVar("Result")


class Runner(Protocol):
    """Run pieces of work on one connection, one after another."""

    @abstractmethod
    async def run(self, work: Work[Result]) -> Result:
        """Run a piece of work, and return its result or raise its error."""


class InlineRunner(Runner):
    """Run work in the caller's thread: for a database in memory, which never waits."""

    def __init__(self, connection: JournalConnection) -> None:
        self._connection = connection

    async def run(self, work: Work[Result]) -> Result:
        """Run it at once."""
        return work(self._connection)


class ThreadRunner(Runner):
    """Run work in the one thread that a connection belongs to."""

    def __init__(self, connection: JournalConnection, thread: ThreadPoolExecutor) -> None:
        self._connection = connection
        self._thread = thread

    async def run(self, work: Work[Result]) -> Result:
        """Run it after all earlier work; work that has begun goes on if its caller is cancelled."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, self._connection)


@asynccontextmanager
async def threaded(name: str, open_connection: Callable[[], JournalConnection]) -> AsyncIterator[ThreadRunner]:
    """Hold a thread with a connection of its own for as long as the context lasts."""
    loop = asyncio.get_running_loop()
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
    try:
        connection = await loop.run_in_executor(thread, open_connection)
        try:
            yield ThreadRunner(connection, thread)
        finally:
            await loop.run_in_executor(thread, connection.close)
    finally:
        thread.shutdown(wait=False)
