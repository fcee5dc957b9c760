"""Designs that hedge in a way that is nearly right."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from providers.base import MemoryProvider
from providers.chain.hedging.order import Hedging
from providers.chain.hedging.pace import Pace
from providers.chain.policy import OperationClass
from providers.chain.route import Route
from tests.simulation.design import RealDesign
from tests.support.chain_rig import ChainRig


class StaleLoserWins(RealDesign):
    """A call that was given up for its hedge goes on, and its answer is that of the next call which asks the same."""

    def provider(self, rig: ChainRig, route: Route, trusted: Callable[[], bool]) -> MemoryProvider:
        """Return a chain over providers that keep what was given up."""
        for link in route.links:
            for name in ("fetch", "page", "find"):
                vars(link.provider)[name] = _kept(getattr(link.provider, name))
        return super().provider(rig, route, trusted)


class NothingBelieved(RealDesign):
    """That a hedge finds nothing counts, whatever the last look at its store has found."""

    def provider(self, rig: ChainRig, route: Route, trusted: Callable[[], bool]) -> MemoryProvider:
        """Return a chain that believes every hedge."""
        return rig.chained(route, trusted=trusted, hedging=Hedging(looked_well=lambda _name: True))


class CancelledIsNeutral(RealDesign):
    """A slow call that was cancelled for its hedge says nothing about its provider."""

    def provider(self, rig: ChainRig, route: Route, trusted: Callable[[], bool]) -> MemoryProvider:
        """Return a chain that learns from answers alone."""
        for link in route.links:
            link.attempts.pace = _AnswersAlone(link.attempts.latencies.seconds(OperationClass.READ), rig.now)
        return super().provider(rig, route, trusted)


class _AnswersAlone(Pace):
    def unanswered(self, operation: OperationClass, size: int, seconds: float) -> bool:
        return False


def _kept(read: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Return a read that is not cancelled, whoever gives it up."""
    losers: dict[str, asyncio.Future[Any]] = {}

    async def ask(*asked: object) -> object:
        task = losers.pop(repr(asked), None) or asyncio.ensure_future(read(*asked))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            losers[repr(asked)] = task
            task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # perhaps nobody asks for it
            raise

    return ask
