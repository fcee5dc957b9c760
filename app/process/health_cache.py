"""Looks at the providers: how each is, found out at most once a second however many ask."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from time import perf_counter

from observability.metrics import Metrics
from observability.recent import SHARED_SECONDS, Recent
from providers.chain.chain import Chain
from providers.chain.chained import ChainedProvider
from providers.chain.link import Link
from providers.chain.route import Route
from providers.types import Health

# A provider that has said nothing for so long is not well. It is as long as one try may last before somebody else is
# asked, since a slow one is not down.
LOOK_SECONDS = 5.0

# What readiness waits for the other providers once its answer is known: less than the half second that a load balancer
# may give it, so that a standby that hangs takes nobody out.
HURRIED_SECONDS = 0.4

# After its time a look is broken off, and says so itself; one that heeds nothing is given up a little later.
_GRACE_SECONDS = 0.1

_MOMENT = 0.001  # seconds; what is left by rounding is nothing

_Looks = Mapping[Link, asyncio.Task[Health]]


class Looks:
    """Ask each provider of a chain how it is, one question at a time, and share its answer for a second.

    The question goes to the provider itself and past the chain: it takes no place that a request could have, opens no
    breaker, and is answered also while the breaker is open.
    """

    def __init__(self, chain: Chain, metrics: Metrics, shared_seconds: float = SHARED_SECONDS) -> None:
        self._chain = chain
        self._metrics = metrics
        self._shared_seconds = shared_seconds
        self._recent: dict[Link, Recent[Health]] = {}
        self._hurried = asyncio.Event()

    async def health(self) -> Health:
        """Tell how the chain is, with the health of each of its providers."""
        route, provider = self._chain.route, self._chain.provider
        looks = self._begun(route)
        await self._answered(looks, lambda: False)
        healths = self._seen(looks)
        return (
            provider.health_of(route, healths)
            if isinstance(provider, ChainedProvider)
            else healths[route.links[0].name]
        )

    async def readiness(self, *, decided: bool) -> tuple[bool, Mapping[str, Health]]:
        """Tell whether somebody can serve, and how each provider is, as far as that is found out quickly.

        It waits for those who are slow to say how they are only as long as nobody is known to serve; and not even then
        where what is answered is `decided` by something else.
        """
        route = self._chain.route
        looks = self._begun(route)

        def known() -> bool:
            return decided or self._hurried.is_set() or self._can_serve(route, looks)

        await self._answered(looks, known)
        return self._can_serve(route, looks), self._seen(looks)

    def hurry(self) -> None:
        """Have nobody wait any longer for providers: the process is leaving, and whoever asks must learn that now."""
        self._hurried.set()

    def forget(self) -> None:
        """Take what was seen for outdated."""
        for recent in self._recent.values():
            recent.forget()

    async def aclose(self) -> None:
        """Break off the looks under way."""
        await asyncio.gather(*(recent.aclose() for recent in self._recent.values()))

    def _begun(self, route: Route) -> _Looks:
        """Begin the looks that are due, and forget those at providers that take part no more."""
        self._recent = {link: self._recent.get(link) or self._new(link) for link in route.links}
        return {link: recent.begun() for link, recent in self._recent.items()}

    def _new(self, link: Link) -> Recent[Health]:
        return Recent(partial(self._look, link), f"look at {link.name}", self._shared_seconds)

    async def _answered(self, looks: _Looks, known: Callable[[], bool]) -> None:
        """Wait until all looks have ended or had their time, but not long for the rest once the answer is known."""
        now = asyncio.get_running_loop().time
        started = now()
        while waiting := [link for link, look in looks.items() if not look.done()]:
            left = max(self._left(link) for link in waiting)
            if known():
                left = min(left, HURRIED_SECONDS - (now() - started))
            if left < _MOMENT:
                return
            hurried = [] if self._hurried.is_set() else [asyncio.create_task(self._hurried.wait(), name="leaving")]
            ends = [looks[link] for link in waiting]
            try:
                await asyncio.wait([*ends, *hurried], timeout=left, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in hurried:
                    task.cancel()

    def _left(self, link: Link) -> float:
        return LOOK_SECONDS + _GRACE_SECONDS - self._age(link)

    def _age(self, link: Link) -> float:
        recent = self._recent.get(link)
        return LOOK_SECONDS if recent is None else recent.age  # none, if the order was switched meanwhile

    def _can_serve(self, route: Route, looks: _Looks) -> bool:
        return any(looks[link].done() and looks[link].result().healthy for link in route.readers)

    def _seen(self, looks: _Looks) -> dict[str, Health]:
        return {
            link.name: look.result() if look.done() else _silent(link, self._age(link)) for link, look in looks.items()
        }

    async def _look(self, link: Link) -> Health:
        started = perf_counter()
        outcome = "bug"
        timer = asyncio.timeout(LOOK_SECONDS)
        try:
            async with timer:
                health = await link.provider.health_check()
            outcome = "ok" if health.healthy else "unavailable"
        except TimeoutError:
            if not timer.expired():
                raise  # not ours: a bug in the provider
            outcome, health = "timeout", _silent(link, LOOK_SECONDS)
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        finally:
            self._metrics.observe_operation(link.name, "health_check", outcome, perf_counter() - started)
        return health


def _silent(link: Link, seconds: float) -> Health:
    return Health(healthy=False, provider=type(link.provider).__name__, error=f"no answer for {seconds:.1f} s")
