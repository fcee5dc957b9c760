"""Designs that hedge in a way that is nearly right."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

from providers.base import MemoryProvider
from providers.chain.hedging.order import Hedging
from providers.chain.hedging.pace import Pace
from providers.chain.hedging.race import Race
from providers.chain.policy import OperationClass
from providers.chain.route import Route
from tests.simulation.design import RealDesign
from tests.support.chain_rig import ChainRig

_Losers = dict[str, "asyncio.Task[Any]"]

# What a read asks, and the calls of its process that have lost to their hedges, by what they asked.
_asked: ContextVar[tuple[str, _Losers]] = ContextVar("asked")


class StaleLoserWins(RealDesign):
    """A call that lost to its hedge goes on, and its answer is that of the next read which asks the same."""

    def provider(self, rig: ChainRig, route: Route, trusted: Callable[[], bool]) -> MemoryProvider:
        """Return a chain that keeps the losers of its races."""
        chained = rig.chained(route, trusted=trusted, hedging=Hedging(race=_Saving))
        losers: _Losers = {}

        def noting(read: Callable[[Any], Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
            def ask(*asked: object) -> Awaitable[Any]:
                _asked.set((repr(asked), losers))
                return read(*asked)

            return ask

        for name in ("fetch", "page", "find"):
            vars(chained)[name] = noting(getattr(chained, name))
        return chained


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


class _Saving(Race[Any]):
    async def result(self, first: Awaitable[Any]) -> Any:  # noqa: ANN401 - of any call
        what, losers = _asked.get(("", {}))
        task = losers.pop(what, None)
        if task is None:
            task = asyncio.ensure_future(first)
        elif asyncio.iscoroutine(first):
            first.close()
        result = await super().result(asyncio.shield(task))
        if self.won_by_second:
            losers[what] = task
        return result


class _AnswersAlone(Pace):
    def unanswered(self, operation: OperationClass, size: int, seconds: float) -> bool:
        return False
