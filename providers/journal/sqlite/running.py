"""Where the work on a connection is done: in a thread of its own, or right here in simulated time."""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

from providers.journal.sqlite.ledger import Ledger, Work

Result = TypeVar("Result")


class Runner(Protocol):
    """Run work on one ledger, one piece after another."""

    @abstractmethod
    async def run(self, work: Work[Result]) -> Result:
        """Do it, and give its result or raise its error."""
        raise NotImplementedError


class InlineRunner(Runner):
    """Run work in the caller's thread: for a database in memory, which never waits."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def run(self, work: Work[Result]) -> Result:
        """Do it at once."""
        return work(self._ledger)


class ThreadRunner(Runner):
    """Run work in the one thread that a connection belongs to."""

    def __init__(self, ledger: Ledger, thread: ThreadPoolExecutor) -> None:
        self._ledger = ledger
        self._thread = thread

    async def run(self, work: Work[Result]) -> Result:
        """Do it when everything before is done; a caller who is cancelled meanwhile does not stop what has begun."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, self._ledger)


@asynccontextmanager
async def threaded(name: str, open_ledger: Callable[[], Ledger]) -> AsyncIterator[ThreadRunner]:
    """Hold a thread with a connection of its own for as long as the context lasts."""
    loop = asyncio.get_running_loop()
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
    try:
        ledger = await loop.run_in_executor(thread, open_ledger)
        try:
            yield ThreadRunner(ledger, thread)
        finally:
            await loop.run_in_executor(thread, ledger.close)
    finally:
        thread.shutdown(wait=False)
