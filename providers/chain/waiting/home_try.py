"""One try to bring durable operations to home, for whose end its caller waits only within its patience."""

import asyncio
import time
from collections.abc import Collection, Sequence
from math import inf
from typing import Any

from msgspec import Struct

from observability import notes
from providers.chain.deadline import Deadline, Shutdown
from providers.chain.leasing import Lease
from providers.chain.link import Link
from providers.chain.policy import OperationClass
from providers.errors import ProviderError, Unavailable
from providers.expectations import USUAL_FACTOR
from providers.journal.operations import JournalEntry
from providers.timing.lag_tolerant import LagTolerantTimer

# A quick home is waited for all the same: only what is slow by any measure is worth a 202.
LEAST_PATIENCE_FOR_WRITES = 1.0  # seconds

# A try that ends within so many seconds, as nearly all do, needs no timer to renew its lease.
_QUICK = 0.1

Waiting = Sequence[tuple[int, JournalEntry]]  # operations with their places in the request


class HomeTry(Struct, eq=False):
    """A try in a task of its own, so that it can outlast the caller; the `lease` of a slow one is renewed to its end.

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


async def answered_within(tries: Collection[HomeTry], seconds: float, patience: float, caller: Deadline) -> None:
    """Wait for so many seconds until all tries have ended, but not longer than the caller's deadline.

    Beyond the patience with home it is a wait and no work any more, in which the request takes no room from others. The
    lag of this process is no slowness of home: it is taken out of both.
    """
    started = time.perf_counter()
    quick = min(seconds, patience, _QUICK)
    if await _all_ended_within(tries, quick, caller):
        return  # and have noted how long that took
    for one in tries:
        one.lease.begin()
    ended = await _all_ended_within(tries, min(seconds, patience) - quick, caller)
    if seconds > patience and not ended:
        with notes.parked():
            ended = await _all_ended_within(tries, seconds - patience, caller)
    request = notes.current.get()
    if request is not None and not ended:
        request.provider_seconds += time.perf_counter() - started


async def _all_ended_within(tries: Collection[HomeTry], seconds: float, caller: Deadline) -> bool:
    began = caller.now()
    ended = True
    for one in tries:  # in nearly every case a single one
        if not one.task.done():
            await _ended_within(one.task, seconds - (caller.now() - began), caller)
            ended = ended and one.task.done()
    return ended


async def _ended_within(task: asyncio.Task[Any], seconds: float, caller: Deadline) -> None:
    """Wait for the end of a task, and leave it as it is if that takes longer; `asyncio.wait` costs twice as much."""
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def end(_: object = None) -> None:
        if not over.done():
            over.set_result(None)

    timer = LagTolerantTimer(seconds, end, caller.remaining, caller.now)
    task.add_done_callback(end)
    timer.start()
    try:
        await over
    finally:
        timer.cancel()
        task.remove_done_callback(end)


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
