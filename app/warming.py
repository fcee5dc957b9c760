"""Warming up: at the start, one pass through everything that a first recall needs, beside listening."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from time import perf_counter

import structlog

from providers import background
from providers.answers import NO_VECTOR
from providers.chain.chain import Chain
from providers.chain.link import Link
from providers.errors import ProviderError
from providers.journal.base import Journal
from providers.types import Owner, RecallQuery

# After so long whatever answers has to do: what is away at the start may stay away, and is not waited for.
WARMING_SECONDS = 5.0
AGAIN_SECONDS = 0.25  # between two tries of one part

# Whose memories are asked for: a user as any other, who has none.
_USER = "ninai-warming-up"
_QUESTION = "warming up"

_log = structlog.get_logger(__name__)

_Pass = Callable[[], Awaitable[str | None]]


class Warmth:
    """What is not warm yet, by name, each with why; nothing as soon as the warming has ended, however it did."""

    def __init__(self) -> None:
        self.cold: dict[str, str] = {}

    @property
    def warming(self) -> bool:
        """Whether a first recall might still meet something cold."""
        return bool(self.cold)


@asynccontextmanager
async def warming(chain: Chain, warmed: Callable[[], None]) -> AsyncIterator[Warmth]:
    """Warm a chain up for as long as the context lasts, and say so when it is done, or given up."""
    warmth = Warmth()
    passes: dict[str, _Pass] = {link.name: partial(_recalled, link) for link in chain.links()}
    if chain.journal is not None:
        passes["journal"] = partial(_looked_up, chain.journal, chain.first)
    # At once, so that no request comes before it.
    warmth.cold = dict.fromkeys(passes, "not tried yet")
    task = background.start_once(_warm(warmth, passes, warmed), "warm up")
    try:
        yield warmth
    finally:
        await background.stop(task)


async def _warm(warmth: Warmth, passes: dict[str, _Pass], warmed: Callable[[], None]) -> None:
    started = perf_counter()
    tries = [background.start_once(_tried(warmth, name, one), f"warm up {name}") for name, one in passes.items()]
    try:
        # Not a timeout around them: what does not heed that it is broken off would keep the service from being ready.
        await asyncio.wait(tries, timeout=WARMING_SECONDS)
    finally:
        for one in tries:
            one.cancel()
    if warmth.cold:
        _log.warning("warming_given_up", cold=dict(warmth.cold))
    else:
        _log.info("warm", parts=sorted(passes), ms=round((perf_counter() - started) * 1000, 2))
    warmth.cold = {}
    warmed()


async def _tried(warmth: Warmth, name: str, one: _Pass) -> None:
    while True:
        try:
            lacking = await one()
        except ProviderError as error:
            lacking = type(error).__name__
        if lacking is None:
            warmth.cold.pop(name, None)
            return
        warmth.cold[name] = lacking
        await asyncio.sleep(AGAIN_SECONDS)


async def _recalled(link: Link) -> str | None:
    """Ask one question: a connection, the statement, the embedder, or the way to another server.

    Past the limits of the chain: how long the first time takes is nothing that a provider usually takes.
    """
    found = await link.provider.find(RecallQuery(owner=Owner(_USER), query=_QUESTION, limit=1))
    return NO_VECTOR if NO_VECTOR in found.degraded else None


async def _looked_up(journal: Journal, first: str) -> None:
    """Read from the journal what every recall reads first."""
    await journal.entries(_USER, first, 1, 1)
