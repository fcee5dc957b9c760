"""The chain as a running whole: its links and background tasks, and the order that can be switched under load."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from uuid import uuid4

import structlog
from msgspec import Struct

from providers import background
from providers.base import MemoryProvider
from providers.chain.attempts import Attempts
from providers.chain.breaker import CircuitBreaker
from providers.chain.budget import RetryBudget
from providers.chain.bulkhead import Bulkhead
from providers.chain.chained import ChainedProvider
from providers.chain.deadline import Shutdown
from providers.chain.errors import OrderRefused
from providers.chain.garbage_collection import GarbageCollector
from providers.chain.guarded import GuardedProvider
from providers.chain.guards import Guards
from providers.chain.identities import PROBE_SECONDS, identities_of, refuse_twins
from providers.chain.link import Link
from providers.chain.membership import Admitted, Membership
from providers.chain.observer import ChainObserver
from providers.chain.pinging import answers
from providers.chain.policy import AttemptPolicy, ChainPolicy
from providers.chain.relay import OutboxRelay
from providers.chain.route import Route
from providers.chain.trickle import Trickle
from providers.expectations import ProviderLimits
from providers.journal.base import Journal
from providers.replica import Replica
from providers.states.clock import HybridClock

FLUSH_SECONDS = 2.0  # at the end, for what providers have not been brought yet
_DRAIN_LOOK = 0.1

_log = structlog.get_logger(__name__)


class Part(Struct, frozen=True, kw_only=True):
    """A provider that shall take part: how to open it, and within which limits it is asked.

    Two parts with equal `settings` are the same provider, which stays open when the order is switched.
    """

    name: str
    settings: object
    opened: Callable[[], AbstractAsyncContextManager[Replica]]
    attempts: AttemptPolicy
    limits: ProviderLimits = ProviderLimits()


class JournalChoice(Struct, frozen=True, kw_only=True):
    """How to open a journal, if there shall be one at all; `always` also for a single provider."""

    opened: Callable[[], AbstractAsyncContextManager[Journal]] | None
    always: bool


class _Open(Struct, frozen=True, eq=False):
    link: Link
    settings: object
    stack: AsyncExitStack


class Chain:
    """Links in an order, with a deliverer for each, a sweeper, and the one who looks after the membership."""

    def __init__(
        self,
        journal: JournalChoice,
        policy: ChainPolicy,
        clock: HybridClock,
        observer: ChainObserver,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.journal: Journal | None = None
        self.membership: Membership | None = None
        self.policy = policy
        self.observer = observer
        self.shutdown = Shutdown()
        self.holder = str(uuid4())
        self._journal_choice = journal
        self._journal_stack = AsyncExitStack()
        self._clock = clock
        self._now = now
        self._open: dict[str, _Open] = {}
        self._deliverers: dict[str, tuple[OutboxRelay, asyncio.Task[None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._gone: set[_Open] = set()  # still to be closed
        self._switching = asyncio.Lock()
        self._provider: ChainedProvider | GuardedProvider | None = None

    @property
    def provider(self) -> MemoryProvider:
        """The chain as its callers use it."""
        if self._provider is None:
            raise RuntimeError("the chain has no order yet")
        return self._provider

    @property
    def first(self) -> str:
        """The name of home, or of the first in the order while nobody has received everything."""
        route = self.route
        return route.home.name if route.home is not None else route.links[0].name

    @property
    def route(self) -> Route:
        """Who takes part now."""
        provider = self._provider
        if isinstance(provider, ChainedProvider):
            return provider.route
        links = () if provider is None else (provider.link,)
        return Route(links, frozenset(link.name for link in links))

    def links(self) -> Sequence[Link]:
        """The links in the order in force."""
        return self.route.links

    async def switch(self, parts: Sequence[Part]) -> None:
        """Put an order in force: open what is new, look who it is, let the new route take over, drain the old.

        Operations under way end as they began. What cannot be reached now takes part all the same.

        Raises:
            OrderRefused: two are one and the same store; nobody of the order has received everything; or several
                providers without a journal.
            Unavailable: a provider cannot be opened at all.
        """
        async with self._switching:
            await self._open_journal(len(parts))
            async with AsyncExitStack() as undo:
                fresh = {part.name: await self._opened(part, undo) for part in parts if not self._has(part)}
                chosen = {part.name: fresh.get(part.name) or self._open[part.name] for part in parts}
                silent: dict[str, str] = {}
                identities = await identities_of([one.link for one in chosen.values()], silent)
                refuse_twins(identities)
                links = tuple(one.link for one in chosen.values())
                admitted = Admitted(frozenset(link.name for link in links))
                if self.membership is not None:
                    admitted = await self.membership.admit(identities)
                undo.pop_all()
            for name in fresh.keys() & self._open.keys():
                fresh[name].link.attempts.guards.breaker.follow(self._open[name].link.attempts.guards.breaker)
            gone = [one for name, one in self._open.items() if chosen.get(name) is not one]
            self._open = chosen
            self._take_over(Route(links, admitted.complete, admitted.presumed))
            _log.info("order_in_force", order=[part.name for part in parts], complete=sorted(admitted.complete))
            for name, reason in silent.items():
                self.observer.not_reached(name, reason)
            for one in gone:
                self._gone.add(one)
                task = background.start_once(self._drain(one), f"drain {one.link.name}")
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Bring to providers what they take at once, stop everything, then close the providers."""
        # The rest waits in the journal, for another process or the next start.
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_SECONDS):
                await asyncio.gather(*(deliverer.finish(task) for deliverer, task in self._deliverers.values()))
        async with AsyncExitStack() as closing:  # where one fails to close, the others are closed all the same
            closing.push_async_callback(self._journal_stack.aclose)
            for one in [*self._open.values(), *self._gone]:
                closing.push_async_callback(one.stack.aclose)
            tasks = [*self._tasks, *(task for _, task in self._deliverers.values())]
            self._deliverers.clear()
            if self.membership is not None:
                tasks += self.membership.tasks
            await asyncio.gather(*map(background.stop, tasks))

    async def _open_journal(self, providers: int) -> None:
        choice = self._journal_choice
        if self.journal is not None or (providers == 1 and not choice.always):
            return
        if choice.opened is None:
            raise OrderRefused('an order of several providers needs a journal: journal.kind is "none"')
        async with AsyncExitStack() as undo:
            journal = await undo.enter_async_context(choice.opened())
            unjournalled = self._longest_write() if self._open else 0.0
            membership = Membership(
                self.holder,
                journal,
                self.links,
                self._set_complete,
                self._now,
                unjournalled=unjournalled,
                observer=self.observer,
            )
            # What was the only provider so far has everything, whatever stands first from now on. The first member of a
            # new journal counts as complete, so that nobody else may be that.
            links = [one.link for one in self._open.values()]
            if links and (await membership.admit(await identities_of(links, {}))).presumed:
                raise OrderRefused(f"the journal, out of reach now, must hear first that {self.first} is complete")
            self._journal_stack = undo.pop_all()
        self.journal, self.membership = journal, membership
        sweeper = GarbageCollector(self.holder, journal, self._all_links, self.policy.retention, now=self._now)
        self._tasks |= {background.start(membership.run, "membership"), background.start(sweeper.run, "sweeper")}

    def _has(self, part: Part) -> bool:
        return part.name in self._open and self._open[part.name].settings == part.settings

    async def _opened(self, part: Part, undo: AsyncExitStack) -> _Open:
        stack = AsyncExitStack()
        undo.push_async_callback(stack.aclose)
        provider = await stack.enter_async_context(part.opened())
        breaker = CircuitBreaker(
            part.name,
            self.policy.breaker,
            self._now,
            changed=self.observer.breaker_changed,
            answers=lambda: answers(provider, self._now),
        )
        stack.push_async_callback(breaker.close)
        guards = Guards(
            breaker=breaker,
            budget=RetryBudget(self.policy.budget, self._now),
            bulkhead=Bulkhead(part.name, part.limits.places),
            trickle=Trickle(part.name, self._now),
        )
        attempts = Attempts(
            part.attempts,
            guards,
            self.observer,
            now=self._now,
            usual=part.limits.usual,
            longest=self.policy.longest_request,
        )
        link = Link(part.name, provider, attempts)
        return _Open(link, part.settings, stack)

    def _take_over(self, route: Route) -> None:
        self._tell(route)
        if self.journal is None:
            self._provider = GuardedProvider(route.links[0], self._clock, self._now, self.shutdown)
            return
        if isinstance(self._provider, ChainedProvider):
            self._provider.route = route
        else:
            self._provider = ChainedProvider(
                route, self.journal, self._clock, self.observer, self._now, shutdown=self.shutdown
            )
        for link in route.links:
            if link.name not in self._deliverers:
                deliverer = OutboxRelay(
                    link.name,
                    self.journal,
                    self._link_of(link.name),
                    self.policy.deliveries,
                    self.observer,
                    now=self._now,
                )
                self._deliverers[link.name] = deliverer, background.start(deliverer.run, f"deliver to {link.name}")

    def _link_of(self, name: str) -> Callable[[], Link | None]:
        return lambda: self.route.link(name)

    def _set_complete(self, complete: frozenset[str]) -> None:
        route = self.route
        told = Route(route.links, complete)
        if isinstance(self._provider, ChainedProvider) and route != told:
            _log.info("complete_providers", complete=sorted(complete))
            self._provider.route = told
            self._tell(told)

    def _tell(self, route: Route) -> None:
        order = [link.name for link in route.links]
        self.observer.routed(order, route.complete, journalled=self.journal is not None)

    async def _all_links(self) -> Sequence[Link] | None:
        """The links of all members, None if one of them is out of this process's reach."""
        if self.journal is None:
            return None
        links = [self.route.link(member.name) for member in await self.journal.members()]
        return None if None in links else [link for link in links if link is not None]

    async def _drain(self, one: _Open) -> None:
        """Close a provider that takes part no more, when its calls have ended."""
        now = asyncio.get_running_loop().time
        try:
            # A request that began with the old route may ask the provider at any time until it ends.
            await asyncio.sleep(self.policy.longest_request)
            until = now() + self.policy.longest_request
            while one.link.attempts.guards.bulkhead.in_flight and now() < until:  # noqa: ASYNC110 - calls end without telling anybody
                await asyncio.sleep(_DRAIN_LOOK)
        finally:
            await one.stack.aclose()
            self._gone.discard(one)
        _log.info("provider_closed", provider=one.link.name)

    def _longest_write(self) -> float:
        """Return the seconds that a write may take, from the last one before a switch on until it is there."""
        # Another process may ask the stores who they are first, before it switches.
        return self.policy.longest_request + 2 * PROBE_SECONDS
