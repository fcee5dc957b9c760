"""The slowing of writes while much waits for home, by the pace that is known, or that the journal is asked for."""

import asyncio
from contextlib import suppress

from observability import notes
from providers.chain.context import ChainContext
from providers.chain.execution import Execution
from providers.chain.observer import JournalCall
from providers.chain.waiting.pacing import LARGE_BACKLOG
from providers.journal.base import JournalUnavailable
from providers.owners import Owner

_LOOK_SHARE = 0.25  # of the time that a write has left


async def slow_down(context: ChainContext, execution: Execution, owner: Owner, size: int = 1) -> None:
    """Wait before a write of `size` memories of a user is made durable, as long as the pacing asks for."""
    pacing = context.pacing
    if pacing.idle:
        return
    if execution.route.home is not None and pacing.is_doubtful(owner):
        await _look(context, execution, owner, execution.route.home.name)
    reason = pacing.reason(owner)
    if reason is None:
        return
    delay = pacing.delay(owner, size, execution.deadline.remaining())
    if delay > 0.0:
        context.observer.slowed(reason)
        with notes.parked():
            await asyncio.sleep(delay)
        if (request := notes.current.get()) is not None:  # home is what it waits for
            request.provider_seconds += delay


async def _look(context: ChainContext, execution: Execution, owner: Owner, home: str) -> None:
    """Count what waits for home of a user whose writes this process has seen accepted many times."""
    seconds = min(context.need(JournalCall.LOOK), _LOOK_SHARE * execution.deadline.remaining())
    with suppress(JournalUnavailable):
        entries = await context.journal(lambda journal: journal.entries(owner, home, 2 * LARGE_BACKLOG + 1, 0), seconds)
        context.pacing.seen(owner, len(entries))
