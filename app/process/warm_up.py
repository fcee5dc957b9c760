"""The warm-up: at the start, one use of everything that a first recall needs, while the process listens already."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from functools import partial
from time import perf_counter

import structlog

from providers import background
from providers.answers import NO_VECTOR
from providers.chain.chain import Chain
from providers.chain.execution import JOURNAL
from providers.chain.link import Link
from providers.errors import ProviderError
from providers.journal.base import Journal
from providers.owners import Owner
from providers.types import RecallQuery

# After so long the warm-up ends in any case: a part that is down at the start may stay down.
WARM_UP_SECONDS = 5.0
AGAIN_SECONDS = 0.25  # between two tries of one part
# The time of the others once one provider that answers reads, and the journal, are warm: one that hangs must not keep
# the process from its callers.
OTHERS_SECONDS = 1.0

# The user whose memories are recalled: one without memories.
_USER = "ninai-warming-up"
_QUESTION = "warming up"

_log = structlog.get_logger(__name__)
_Attempt = Callable[[], Awaitable[str | None]]


class WarmUp:
    """Hold what is still cold, by name, each with the reason; empty once the warm-up has ended, however it did."""

    def __init__(self) -> None:
        self.cold: dict[str, str] = {}

    @property
    def running(self) -> bool:
        """Whether a first recall might still meet a cold part."""
        return bool(self.cold)


@asynccontextmanager
async def warming_up(chain: Chain, done: Callable[[], None]) -> AsyncIterator[WarmUp]:
    """Warm a chain up in the background; call `done` when that has ended, also when it was given up."""
    warm_up = WarmUp()
    attempts: dict[str, _Attempt] = {link.name: partial(_recalled, link) for link in chain.links()}
    if chain.journal is not None:
        attempts[JOURNAL] = partial(_journal_read, chain.journal, chain.first)
    # At once, so that no request finds the process ready before.
    warm_up.cold = dict.fromkeys(attempts, "not tried yet")
    async with background.running(background.start_once(_warm(warm_up, chain, attempts, done), "warm up")):
        yield warm_up


async def _warm(warm_up: WarmUp, chain: Chain, attempts: dict[str, _Attempt], done: Callable[[], None]) -> None:
    started = perf_counter()
    tries = [background.start_once(_attempted(warm_up, name, one), f"warm up {name}") for name, one in attempts.items()]
    try:
        await _warmed(warm_up, chain, tries)
    finally:
        for one in tries:
            one.cancel()
    if warm_up.cold:
        _log.warning("warming_given_up", cold=dict(warm_up.cold))
    else:
        _log.info("warm", parts=sorted(attempts), ms=round((perf_counter() - started) * 1000, 2))
    warm_up.cold = {}
    done()


async def _warmed(warm_up: WarmUp, chain: Chain, tries: Collection[asyncio.Task[None]]) -> None:
    """Wait until all is warm, or enough of it for long enough."""
    # Not a timeout around them: a task that ignores its cancellation would keep the service from being ready.
    now = asyncio.get_running_loop().time
    ends_at, waiting = now() + WARM_UP_SECONDS, set(tries)
    while waiting and now() < ends_at:
        ended, waiting = await asyncio.wait(waiting, timeout=ends_at - now(), return_when=asyncio.FIRST_COMPLETED)
        cold = [link.name in warm_up.cold for link in chain.route.readers]
        if ended and not all(cold) and JOURNAL not in warm_up.cold:
            # Who is not complete yet answers no reads, and warms up behind them.
            ends_at = min(ends_at, now() + (OTHERS_SECONDS if any(cold) else 0.0))


async def _attempted(warm_up: WarmUp, name: str, one: _Attempt) -> None:
    while True:
        try:
            lacking = await one()
        except ProviderError as error:
            lacking = type(error).__name__
        if lacking is None:
            warm_up.cold.pop(name, None)
            return
        warm_up.cold[name] = lacking
        await asyncio.sleep(AGAIN_SECONDS)


async def _recalled(link: Link) -> str | None:
    """Recall once, which needs a connection, the statement, the embedder, or the way to another server.

    It bypasses the limits of the chain, because a first recall takes longer than others.
    """
    found = await link.provider.find(RecallQuery(owner=Owner(_USER), query=_QUESTION, limit=1))
    return NO_VECTOR if NO_VECTOR in found.degraded else None


async def _journal_read(journal: Journal, first: str) -> None:
    """Read from the journal what every recall reads first; there is nothing to find."""
    await journal.entries(Owner(_USER), first, 1, 1)
