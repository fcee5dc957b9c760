"""The one rig that builds a chain for tests: a journal in memory, guarded links, relays, and the chain over them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from random import Random
from typing import TypeVar

from msgspec import Struct

from providers.chain.attempts import Attempts
from providers.chain.breaker import CircuitBreaker
from providers.chain.breaker_state import BreakerSnapshot
from providers.chain.budget import RetryBudget
from providers.chain.bulkhead import Bulkhead
from providers.chain.chain import Chain
from providers.chain.chained import ChainedProvider
from providers.chain.guards import Guards
from providers.chain.hedging.order import Hedging
from providers.chain.hedging.pace import Pace
from providers.chain.last_resort import LastResortLimiter
from providers.chain.link import Link
from providers.chain.observer import AttemptObserver, ChainObserver, Unobserved
from providers.chain.opening import JournalSpec
from providers.chain.policy import (
    AttemptPolicy,
    BreakerPolicy,
    BudgetPolicy,
    ChainPolicy,
    RelayPolicy,
)
from providers.chain.relay import OutboxRelay
from providers.chain.route import Route
from providers.chain.shard_breakers import ShardBreakers
from providers.expectations import QUICK
from providers.journal.base import Journal, JournalUnavailable
from providers.journal.sqlite.connection import JournalConnection, Work
from providers.journal.sqlite.journal import SqliteJournal
from providers.journal.sqlite.opening import open_memory
from providers.journal.sqlite.running import Runner
from providers.replica import Replica
from providers.states.clock import HybridClock
from tests.support.clock import hybrid_clock

Result = TypeVar("Result")


INSTALLATION = "an installation"


class FrailRunner(Runner):
    """A database whose work is done in the caller's thread, and that a test can put out of reach or slow down.

    `failure` is raised before the work is done; `seconds_before` and `seconds_after` pass before and after it.
    """

    def __init__(self, connection: JournalConnection) -> None:
        self.connection = connection
        self.failure: BaseException | None = None
        self.seconds_before = 0.0
        self.seconds_after = 0.0

    @property
    def down(self) -> bool:
        """Whether the database is out of reach."""
        return self.failure is not None

    @down.setter
    def down(self, down: bool) -> None:
        self.failure = JournalUnavailable("out of reach") if down else None

    def recover(self) -> None:
        """Answer at once from now on."""
        self.failure = None
        self.seconds_before = self.seconds_after = 0.0

    async def run(self, work: Work[Result]) -> Result:
        """Do a piece of work, or fail."""
        if self.seconds_before:
            await asyncio.sleep(self.seconds_before)
        if self.failure is not None:
            raise self.failure
        result = work(self.connection)
        if self.seconds_after:
            await asyncio.sleep(self.seconds_after)
        return result


class JournalInMemory(SqliteJournal):
    """A journal on a frail database in memory."""

    def __init__(self, now: Callable[[], float], name: str = "journal-1") -> None:
        self.runner = FrailRunner(open_memory(now))
        super().__init__(name, self.runner, self.runner)

    async def close(self) -> None:
        """Close the journal, and lose what it holds."""
        self.runner.recover()
        await super().close()
        self.runner.connection.close()


def _unobserved(_snapshot: BreakerSnapshot) -> None:
    pass


class Guarding(Struct, frozen=True, kw_only=True):
    """Within which limits a link asks its provider.

    `chance` draws from [0, 1) and is by default seeded with the provider's name; `breaker_chance` is by default the
    same. `ping` is how the breaker asks whether the provider is there, `changed` is called when the breaker changes.
    """

    attempts: AttemptPolicy = AttemptPolicy()
    breaker: BreakerPolicy = BreakerPolicy()
    budget: BudgetPolicy = BudgetPolicy()
    concurrency: int = 32
    expected_latency: float = QUICK
    chance: Callable[[], float] | None = None
    breaker_chance: Callable[[], float] | None = None
    ping: Callable[[], Awaitable[bool]] | None = None
    changed: Callable[[BreakerSnapshot], None] = _unobserved


PLAIN = Guarding()


def seeded(name: str) -> Callable[[], float]:
    """Return a source of chance in [0, 1) that draws the same in every run."""
    return Random(name).random  # noqa: S311 - not for secrets


def attempts_of(
    name: str, now: Callable[[], float], guarding: Guarding = PLAIN, observer: AttemptObserver | None = None
) -> Attempts:
    """Return what stands before one provider."""
    chance = guarding.chance or seeded(name)
    breaker_chance = guarding.breaker_chance or chance
    guards = Guards(
        breaker=CircuitBreaker(name, guarding.breaker, now, breaker_chance, guarding.changed, guarding.ping),
        budget=RetryBudget(guarding.budget, now),
        bulkhead=Bulkhead(name, guarding.concurrency),
        last_resort=LastResortLimiter(name, now),
        shards=ShardBreakers(lambda _shard: CircuitBreaker(name, guarding.breaker, now, breaker_chance)),
    )
    pace = Pace(guarding.expected_latency, now)
    return Attempts(guarding.attempts, guards, observer, chance=chance, now=now, pace=pace)


def link_of(name: str, provider: Replica, now: Callable[[], float], guarding: Guarding = PLAIN) -> Link:
    """Return the link to a provider."""
    return Link(name, provider, attempts_of(name, now, guarding))


def route_of(links: Iterable[Link]) -> Route:
    """Return the route on which all of these links may answer, in this order."""
    links = tuple(links)
    return Route(links, frozenset(link.name for link in links))


class ChainRig:
    """Chains and relays over one journal, on one clock; `opened_journals` counts the chains that have it open now.

    `hedging` is how reads are hedged.
    """

    def __init__(self, journal: Journal, now: Callable[[], float], versions: HybridClock | None = None) -> None:
        self.journal = journal
        self.now = now
        self.versions = versions or hybrid_clock(now)
        self.opened_journals = 0
        self.hedging = Hedging()

    def chained(
        self,
        route: Route,
        observer: ChainObserver | None = None,
        trusted: Callable[[], bool] = lambda: True,
        hedging: Hedging | None = None,
    ) -> ChainedProvider:
        """Return a chain over this route, without tasks of its own; its journal is used while it is `trusted`."""
        return ChainedProvider(
            route,
            self.journal,
            self.versions,
            observer,
            now=self.now,
            distrust=lambda: None if trusted() else "it is not trusted",
            hedging=hedging or self.hedging,
        )

    def chain(
        self,
        observer: ChainObserver,
        policy: ChainPolicy | None = None,
        *,
        journal: bool = True,
        always: bool = False,
    ) -> Chain:
        """Return a chain without an order, as a process of its own runs it; the caller closes it."""
        choice = JournalSpec(opened=self._journal_held if journal else None, always=always, installation=INSTALLATION)
        return Chain(choice, policy or ChainPolicy(), hybrid_clock(self.now), observer, self.now)

    def relay(
        self,
        name: str,
        link: Callable[[], Link | None],
        policy: RelayPolicy | None = None,
        observer: ChainObserver | None = None,
        chance: Callable[[], float] | None = None,
    ) -> OutboxRelay:
        """Return a relay to one provider; its chance is by default seeded with the name."""
        chance = chance or seeded(name)
        watching = observer or Unobserved()
        return OutboxRelay(name, self.journal, link, policy or RelayPolicy(), watching, chance=chance, now=self.now)

    @asynccontextmanager
    async def _journal_held(self) -> AsyncIterator[Journal]:
        self.opened_journals += 1
        try:
            yield self.journal
        finally:
            self.opened_journals -= 1
