"""The health of the providers: each is checked at most once a second, however many callers want the result."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from time import perf_counter
from typing import Literal

from msgspec import structs

from observability.metrics import Metrics
from observability.recent import SHARED_SECONDS, Recent
from providers.chain.chain import Chain
from providers.chain.chained import ChainedProvider
from providers.chain.link import Link
from providers.chain.route import Route
from providers.health import Health
from providers.journal.base import JournalUnavailable

# A provider that has not answered for so long is unhealthy: as long as one try may last before the next provider is
# asked, since a slow provider is not down.
HEALTH_CHECK_SECONDS = 5.0

# For so long readiness waits for the other providers once it is decided: less than the half second that a load balancer
# may allow, so that a standby that hangs makes no process unready.
DECIDED_SECONDS = 0.4

# For so long the health waits for the journal, which takes milliseconds for a write.
JOURNAL_SECONDS = 2.0
# What is written there: the claim of a task that nobody runs.
_TASK = "health"

# After its time a check is cancelled, and returns that; one that ignores its cancellation is abandoned a little later.
_GRACE_SECONDS = 0.1

_MOMENT = 0.001  # seconds; a rest this small comes from rounding
_Checks = Mapping[Link, asyncio.Task[Health]]


class HealthCache:
    """Check the health of each provider of a chain, one check at a time, and share its result for a second.

    A check goes to the provider itself and past the chain: it takes no place of a request, opens no breaker, and is
    made also while the breaker is open.
    """

    def __init__(self, chain: Chain, metrics: Metrics, shared_seconds: float = SHARED_SECONDS) -> None:
        self._chain, self._metrics, self._shared_seconds = chain, metrics, shared_seconds
        self._recent: dict[Link, Recent[Health]] = {}
        self._journal = Recent(self._journal_error, "health of the journal", shared_seconds)
        self._stop_waiting = asyncio.Event()

    async def of_chain(self) -> Health:
        """Return the health of the chain, with that of each of its providers."""
        route, provider = self._chain.route, self._chain.provider
        checks, journal = self._begun(route), self._journal.begun()
        await self._answered(checks, lambda: False)
        healths = self._results(checks)
        if isinstance(provider, ChainedProvider):
            await asyncio.wait({journal}, timeout=JOURNAL_SECONDS)
            error = journal.result() if journal.done() else f"no answer for {self._journal.age:.1f} s"
            return structs.replace(provider.health_of(route, healths), journal_error=error)
        return healths[route.links[0].name]

    async def readiness(self, *, decided: bool) -> tuple[bool, Mapping[str, Health]]:
        """Return whether a provider can serve, and the health of each, as far as it is known quickly.

        Slow checks are waited for only as long as no provider is known to serve; and not even then where readiness is
        `decided` by something else.
        """
        route = self._chain.route
        checks = self._begun(route)

        def known() -> bool:
            return decided or self._stop_waiting.is_set() or self._can_serve(route, checks)

        await self._answered(checks, known)
        return self._can_serve(route, checks), self._results(checks)

    def stop_waiting(self) -> None:
        """Answer without waiting for providers from now on, because the process drains."""
        self._stop_waiting.set()

    def invalidate(self) -> None:
        """Discard all results."""
        self._journal.forget()
        for recent in self._recent.values():
            recent.forget()

    async def aclose(self) -> None:
        """Cancel the checks under way."""
        await asyncio.gather(self._journal.aclose(), *(recent.aclose() for recent in self._recent.values()))

    def _begun(self, route: Route) -> _Checks:
        """Begin the checks that are due, and drop those of providers that have left the order."""
        self._recent = {link: self._recent.get(link) or self._new(link) for link in route.links}
        return {link: recent.begun() for link, recent in self._recent.items()}

    def _new(self, link: Link) -> Recent[Health]:
        return Recent(partial(self._check, link), f"health of {link.name}", self._shared_seconds)

    async def _answered(self, checks: _Checks, known: Callable[[], bool]) -> None:
        """Wait until all checks have ended or had their time, but not long for the rest once the answer is known."""
        now = asyncio.get_running_loop().time
        started = now()
        while waiting := [link for link, check in checks.items() if not check.done()]:
            left = max(HEALTH_CHECK_SECONDS + _GRACE_SECONDS - self._age(link) for link in waiting)
            if known():
                left = min(left, DECIDED_SECONDS - (now() - started))
            if left < _MOMENT:
                return
            stopping = self._stopping()
            ends = [checks[link] for link in waiting]
            try:
                await asyncio.wait([*ends, *stopping], timeout=left, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in stopping:
                    task.cancel()

    def _stopping(self) -> list[asyncio.Task[Literal[True]]]:
        """Return a task that ends when nothing is waited for any more, as long as that has not begun."""
        return [] if self._stop_waiting.is_set() else [asyncio.create_task(self._stop_waiting.wait(), name="draining")]

    def _age(self, link: Link) -> float:
        recent = self._recent.get(link)
        return HEALTH_CHECK_SECONDS if recent is None else recent.age  # none, if the order was switched meanwhile

    def _can_serve(self, route: Route, checks: _Checks) -> bool:
        return any(checks[link].done() and checks[link].result().healthy for link in route.readers)

    def _results(self, checks: _Checks) -> dict[str, Health]:
        return {
            link.name: check.result() if check.done() else _unanswered(link, self._age(link))
            for link, check in checks.items()
        }

    async def _journal_error(self) -> str | None:
        """Write something small to the journal, and return why that fails; None if it does not."""
        journal = self._chain.journal
        if journal is None:
            return None
        try:
            async with asyncio.timeout(JOURNAL_SECONDS):
                await journal.claim(_TASK, self._chain.holder, 0.0)
        except JournalUnavailable as error:
            return error.reason
        except TimeoutError:
            return f"no answer for {JOURNAL_SECONDS:g} s"
        return None

    async def _check(self, link: Link) -> Health:
        started = perf_counter()
        outcome = "bug"
        timer = asyncio.timeout(HEALTH_CHECK_SECONDS)
        try:
            async with timer:
                health = await link.provider.health_check()
            outcome = "ok" if health.healthy else "unavailable"
        except TimeoutError:
            if not timer.expired():
                raise  # not this timer's: a bug in the provider
            outcome, health = "timeout", _unanswered(link, HEALTH_CHECK_SECONDS)
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        finally:
            self._metrics.observe_operation(link.name, "health_check", outcome, perf_counter() - started)
        return health


def _unanswered(link: Link, seconds: float) -> Health:
    return Health(healthy=False, provider=type(link.provider).__name__, error=f"no answer for {seconds:.1f} s")
