"""One try to bring durable operations to home, for whose end its caller waits only within its patience."""

import asyncio
import time
from collections.abc import Collection, Sequence
from math import inf

from msgspec import Struct

from observability import notes
from providers.chain.deadline import Deadline, Shutdown
from providers.chain.leasing import Lease
from providers.chain.link import Link
from providers.chain.policy import OperationClass
from providers.errors import ProviderError, Unavailable
from providers.expectations import USUAL_FACTOR
from providers.journal.operations import JournalEntry
from providers.timing.lag_tolerant import LagTolerantTimeout

# A quick home is waited for all the same: only what is slow by any measure is worth a 202.
LEAST_PATIENCE_FOR_WRITES = 1.0  # seconds

Waiting = Sequence[tuple[int, JournalEntry]]  # operations with their places in the request


class HomeTry(Struct, eq=False):
    """A try in a task of its own, so that it can outlast the caller; its `lease` is renewed until it is concluded.

    Its deadline is not the caller's: a caller in a hurry does not make home receive a write twice.
    """

    home: Link
    waiting: Waiting
    lease: Lease
    task: asyncio.Task[list[ProviderError | None]]
    ending: Shutdown

    @property
    def seqs(self) -> Sequence[int]:
        """The operations that it delivers."""
        return [entry.seq for _, entry in self.waiting]

    async def outcomes(self) -> list[ProviderError | None]:
        """Wait for its end, and return, in order, None or why each operation was not confirmed."""
        try:
            return await self.task
        except Unavailable as error:
            return [error] * len(self.waiting)

    @property
    def confirmed(self) -> Sequence[int]:
        """The operations that home has confirmed."""
        task = self.task
        if not task.done() or task.cancelled() or task.exception() is not None:
            return ()
        return [entry.seq for (_, entry), outcome in zip(self.waiting, task.result(), strict=True) if outcome is None]

    @property
    def given_up(self) -> bool:
        """Whether it was not to go on."""
        return self.ending.ends_at < inf

    def give_up(self) -> None:
        """Let it end now; home has had time enough to answer, so that this may count against it."""
        self.ending.begin(0.0)


async def answered_within(tries: Collection[HomeTry], seconds: float, caller: Deadline) -> None:
    """Wait until all tries have ended, but not longer than the patience or the caller's deadline.

    The lag of this process is no slowness of home: it is taken out of the patience.
    """
    started = time.perf_counter()
    watch = LagTolerantTimeout(seconds, caller.remaining, caller.now)
    try:
        async with watch:
            await asyncio.wait({one.task for one in tries})
    except TimeoutError:
        if not watch.expired:
            raise  # not raised by this timeout: a bug
        if (request := notes.current.get()) is not None:  # the tries themselves note it when they end
            request.provider_seconds += time.perf_counter() - started


def patience_with(home: Link, operation: OperationClass, size: int) -> float:
    """Return the seconds to wait for home's word on a write of `size` memories.

    A home that is slow in its good times too, or a batch, which takes as long as there are memories in it, gets a
    multiple of what it usually takes: beyond its good times nobody is told 202.
    """
    patience = home.patience(operation)
    if size > 1 or home.attempts.pace.patience.is_bounded(operation):
        patience = max(patience, USUAL_FACTOR * home.attempts.latencies.seconds(operation, size))
    return max(LEAST_PATIENCE_FOR_WRITES, patience)


def wish() -> float | None:
    """Return the seconds that the caller wants to wait for a confirmation, None if it did not say."""
    request = notes.current.get()
    return None if request is None else request.wait
