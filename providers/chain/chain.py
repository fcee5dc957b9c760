"""The chain as a running whole: its links and background tasks, and the switch to another order under load."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from uuid import uuid4

import structlog

from providers import background
from providers.base import MemoryProvider
from providers.chain.chained import ChainedProvider
from providers.chain.comparing.patrol import Patrol
from providers.chain.deadline import Shutdown
from providers.chain.erasing.keeping import ErasureKeeper
from providers.chain.errors import OrderRefused
from providers.chain.expiring.rules import RetentionRule
from providers.chain.expiring.sweeper import ExpirySweeper
from providers.chain.garbage_collection import GarbageCollector
from providers.chain.guarded import GuardedProvider
from providers.chain.hedging.order import Hedging
from providers.chain.link import Link
from providers.chain.membership import Membership
from providers.chain.observer import ChainObserver
from providers.chain.observers import Observers
from providers.chain.opening import ErasureSpec, JournalSpec, OpenProvider, ProviderSpec, open_link
from providers.chain.policy import ChainPolicy
from providers.chain.relay import OutboxRelay
from providers.chain.route import Route
from providers.chain.stores.in_sync import InSyncSet
from providers.chain.stores.introductions import PATIENCE_AT_START, PROBE_SECONDS
from providers.chain.stores.unjournalled import refuse_lost_journal
from providers.chain.stores.watch import FAREWELL_SECONDS, Doubts
from providers.journal.base import Journal
from providers.states.clock import HybridClock

# At the end, each for all at once: for pending deliveries, for tasks to end, for connections to be closed. A process
# that stops is killed in the end, so that nothing may be waited for without a limit.
FLUSH_SECONDS = 2.0
TRIES_SECONDS = 1.0  # within that time, for writes that are still under way to home; then they are given up
STOP_SECONDS = 1.0
CLOSE_SECONDS = 3.0
_DRAIN_POLL = 0.1

_log = structlog.get_logger(__name__)


class Chain:
    """Run links in an order, with a relay for each, the garbage collector, and the upkeep of the membership."""

    def __init__(
        self,
        journal: JournalSpec,
        policy: ChainPolicy,
        clock: HybridClock,
        observer: ChainObserver,
        now: Callable[[], float] = time.monotonic,
        erasures: ErasureSpec | None = None,
    ) -> None:
        self.journal: Journal | None = None
        self.membership: Membership | None = None
        self.patrol: Patrol | None = None
        self.policy = policy
        self.retention: tuple[RetentionRule, ...] = ()
        self.observer = observer
        self.shutdown = Shutdown()
        self.hedging = Hedging(policy.hedging.enabled, self._looked_well)
        self.holder = str(uuid4())
        self._journal_choice = journal
        self._journal_stack = AsyncExitStack()
        self._clock = clock
        self._now = now
        self._open: dict[str, OpenProvider] = {}
        self._relays: dict[str, tuple[OutboxRelay, asyncio.Task[None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing: set[OpenProvider] = set()  # links that have left the order and are still open
        self._switching = asyncio.Lock()
        self._sweeps: asyncio.Task[None] | None = None
        self._provider: ChainedProvider | GuardedProvider | None = None
        self.erasing = ErasureKeeper(self, erasures, clock, now, self._distrust)
        self.records = self.erasing.records

    @property
    def provider(self) -> MemoryProvider:
        """The chain as its callers use it."""
        if self._provider is None:
            raise RuntimeError("the chain has no order yet")
        return self._provider

    @property
    def first(self) -> str:
        """The name of home, or of the first provider in the order while none is in sync."""
        route = self.route
        return route.home.name if route.home is not None else route.links[0].name

    @property
    def route(self) -> Route:
        """The providers that take part now."""
        provider = self._provider
        if isinstance(provider, ChainedProvider):
            return provider.route
        links = () if provider is None else (provider.link,)
        return Route(links, frozenset(link.name for link in links))

    def links(self) -> Sequence[Link]:
        """Return the links in the current order."""
        return self.route.links

    async def switch(self, specs: Sequence[ProviderSpec]) -> None:
        """Put an order in force: open new providers, read the identities of all, switch the route, drain the old links.

        Operations under way end on the route on which they began. A provider that does not answer takes part all the
        same.

        Raises:
            OrderRefused: two providers are one store; none of the order is in sync; there are several and no journal;
                or the journal of a single one is gone, and may have held what it lacks.
            Unavailable: a provider cannot be opened at all.
        """
        async with self._switching:
            await self._open_journal(len(specs))
            async with AsyncExitStack() as undo:
                fresh = {
                    spec.name: await open_link(spec, self.policy, self.observer, undo, self._now)
                    for spec in specs
                    if not self._has(spec)
                }
                chosen = {spec.name: fresh.get(spec.name) or self._open[spec.name] for spec in specs}
                unreached: dict[str, str] = {}
                links = tuple(one.link for one in chosen.values())
                admitted = InSyncSet(frozenset(link.name for link in links))
                if self.membership is not None:
                    patience = PATIENCE_AT_START if self._provider is None else PROBE_SECONDS
                    admitted = await self.membership.admit(links, unreached, patience)
                elif fresh:
                    await refuse_lost_journal(links[0], configured=self._journal_choice.opened is None)
                undo.pop_all()
            await self.erasing.learn([one.link for one in fresh.values()])
            for name in fresh.keys() & self._open.keys():
                fresh[name].link.attempts.guards.breaker.follow(self._open[name].link.attempts.guards.breaker)
            gone = [one for name, one in self._open.items() if chosen.get(name) is not one]
            self._open = chosen
            self._install(_route(links, admitted))
            if self.policy.expiry.enabled and not self._sweeps:
                sweeper = ExpirySweeper(self, self._clock, self.policy.expiry, now=self._now)
                self._sweeps = background.start(sweeper.run, "expiry")
                self._tasks.add(self._sweeps)
            self._tasks |= self.erasing.start()
            _log.info("order_in_force", order=[spec.name for spec in specs], complete=sorted(admitted.names))
            for name, reason in unreached.items():
                self.observer.not_reached(name, reason)
            for one in gone:
                self._closing.add(one)
                task = background.start_once(self._drain(one), f"drain {one.link.name}")
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Deliver what the providers take at once, stop all tasks, then close the providers; nothing that hangs delays.

        The rest stays in the journal, for another process or the next start.
        """
        finishing = [asyncio.create_task(relay.finish(task)) for relay, task in self._relays.values()]
        if isinstance(self._provider, ChainedProvider):
            finishing.append(asyncio.create_task(self._provider.finish(TRIES_SECONDS)))
        await background.ended(finishing, FLUSH_SECONDS)
        tasks = [*finishing, *self._tasks, *(task for _, task in self._relays.values()), *self.hedging.samples]
        self._relays.clear()
        if self.membership is not None:
            tasks += self.membership.tasks
            farewell = asyncio.create_task(self.membership.watch.close(self.links()))
            await background.ended([farewell], FAREWELL_SECONDS)
        await background.ended([asyncio.create_task(background.stop(task)) for task in tasks], STOP_SECONDS)
        # At once, and a failure to close one does not keep the others open; what providers have still to settle needs
        # the journal.
        closing = [asyncio.create_task(one.stack.aclose()) for one in [*self._open.values(), *self._closing]]
        await background.ended(closing, CLOSE_SECONDS)
        last = asyncio.create_task(self._journal_stack.aclose())
        await background.ended([last], CLOSE_SECONDS)
        for task in [*closing, last]:
            if not task.cancelled() and task.done():
                task.result()

    async def _open_journal(self, providers: int) -> None:
        choice = self._journal_choice
        if self.journal is not None or (providers == 1 and not choice.always):
            return
        if choice.opened is None:
            raise OrderRefused('an order of several providers needs a journal: journal.kind is "none"')
        async with AsyncExitStack() as undo:
            journal = await undo.enter_async_context(choice.opened())
            unjournalled = self._longest_write() if self._open else 0.0
            membership = Membership.of(
                self.holder,
                journal,
                self.links,
                self._set_in_sync,
                choice.installation,
                now=self._now,
                unjournalled=unjournalled,
                observer=self.observer,
            )
            membership.registrar.keep = choice.keep
            membership.registrar.wall = lambda: self._clock.milliseconds() / 1000
            # The provider that was alone so far holds everything, whatever the new order, and joins before all others.
            alone = [one.link for one in self._open.values()]
            if alone and (await membership.admit(alone, {}, sole=True)).presumed:
                raise OrderRefused(f"the journal, out of reach now, must hear first that {self.first} is complete")
            self._journal_stack = undo.pop_all()
        self.journal, self.membership = journal, membership
        self.observer = Observers(self.observer, Doubts(membership.watch))
        sweeper = GarbageCollector(self.holder, journal, self._all_links, self.policy.retention, now=self._now)
        self._tasks |= {background.start(membership.run, "membership"), background.start(sweeper.run, "sweeper")}
        if self.policy.patrol.enabled:
            patrol = Patrol(self.holder, journal, lambda: self.route, self.policy.patrol, self.observer, now=self._now)
            self._tasks.add(background.start(patrol.run, "patrol"))
            self.patrol = patrol

    def _has(self, spec: ProviderSpec) -> bool:
        return spec.name in self._open and self._open[spec.name].settings == spec.settings

    def _install(self, route: Route) -> None:
        self._report_route(route)
        if self.journal is None:
            self._provider = GuardedProvider(route.links[0], self._clock, self._now, self.shutdown)
            return
        if isinstance(self._provider, ChainedProvider):
            self._provider.route = route
        else:
            self._provider = ChainedProvider(
                route,
                self.journal,
                self._clock,
                self.observer,
                self._now,
                self.shutdown,
                self._distrust,
                self.hedging,
            )
            self._provider.home.waits = self.policy.writes_wait
        for name in [link.name for link in route.links if link.name not in self._relays]:
            relay = OutboxRelay(
                name, self.journal, partial(self._link, name), self.policy.deliveries, self.observer, now=self._now
            )
            self._relays[name] = relay, background.start(relay.run, f"deliver to {name}")

    def _distrust(self) -> str | None:
        return None if self.membership is None else self.membership.registrar.distrust

    def _looked_well(self, name: str) -> bool:
        return self.membership is not None and name in self.membership.watch.well

    def _link(self, name: str) -> Link | None:
        """Return the link of a provider whose store has said who it is."""
        known = self.membership is not None and name in self.membership.registrar.met
        return self.route.link(name) if known else None

    def _set_in_sync(self, found: InSyncSet) -> None:
        route = self.route
        updated = _route(route.links, found)
        if isinstance(self._provider, ChainedProvider) and route != updated:
            _log.info("complete_providers", complete=sorted(found.names), restored=list(found.restored))
            self._provider.route = updated
            self._report_route(updated)

    def _report_route(self, route: Route) -> None:
        order = [link.name for link in route.links]
        self.observer.routed(order, route.in_sync, journalled=self.journal is not None)

    async def _all_links(self) -> Sequence[Link] | None:
        """Return the links of all members, None if this process has no link to one of them."""
        if self.journal is None:
            return None
        links = [self._link(member.name) for member in await self.journal.members()]
        return None if None in links else [link for link in links if link is not None]

    async def _drain(self, one: OpenProvider) -> None:
        """Close a provider that has left the order, once its calls have ended."""
        now = asyncio.get_running_loop().time
        try:
            # A request that began with the old route may ask the provider at any time until it ends.
            await asyncio.sleep(self.policy.longest_request)
            until = now() + self.policy.longest_request
            while one.link.attempts.guards.bulkhead.in_flight and now() < until:  # noqa: ASYNC110 - the end of a call sets no event
                await asyncio.sleep(_DRAIN_POLL)
        finally:
            await one.stack.aclose()
            self._closing.discard(one)
        _log.info("provider_closed", provider=one.link.name)

    def _longest_write(self) -> float:
        """Return for how many seconds at most a write without the journal may still be under way after a switch."""
        # Another process may first ask every store for its identity before it switches.
        return self.policy.longest_request + 2 * PROBE_SECONDS


def _route(links: tuple[Link, ...], found: InSyncSet) -> Route:
    return Route(links, found.names, found.presumed, found.restored, found.holders, found.silent)
