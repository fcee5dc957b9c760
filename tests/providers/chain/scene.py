"""A chain over providers in memory and a journal in memory, in simulated time; whoever is told to fails."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any, TypeVar
from uuid import uuid4

from observability import notes
from providers.chain.attempts import Attempts
from providers.chain.breaker import CircuitBreaker
from providers.chain.budget import RetryBudget
from providers.chain.bulkhead import Bulkhead
from providers.chain.chained import ChainedProvider
from providers.chain.guards import Guards
from providers.chain.last_resort import LastResortLimiter
from providers.chain.link import Link
from providers.chain.observer import ChainObserver, Unobserved
from providers.chain.policy import AttemptPolicy, BreakerPolicy, BudgetPolicy, RelayPolicy
from providers.chain.relay import OutboxRelay
from providers.chain.route import Route
from providers.errors import ProviderError, Unavailable
from providers.journal.base import JournalUnavailable
from providers.journal.operations import DeadLetter, MemberState
from providers.journal.sqlite.connection import JournalConnection, Work
from providers.journal.sqlite.journal import SqliteJournal
from providers.journal.sqlite.opening import open_memory
from providers.journal.sqlite.running import Runner
from providers.memory.provider import MockMemoryProvider
from providers.states.clock import HybridClock
from providers.types import NewMemory, Owner, PageQuery
from tests.providers.chain.rig import fail
from tests.support.clock import FakeClock, simulate
from tests.support.frail import FrailProvider
from tests.support.listening import Listening, Told

R = TypeVar("R")

USER = "kannan"
DOWN = Unavailable("down")
FOREVER = 1e6  # seconds


def key() -> str:
    """A memory's id, as an `Idempotency-Key` gives one."""
    return str(uuid4())


class BreakableRunner(Runner):
    """A database that can be out of reach, or slow."""

    def __init__(self, connection: JournalConnection) -> None:
        self.connection = connection
        self.failure: BaseException | None = None
        self.seconds = 0.0

    async def run(self, work: Work[R]) -> R:
        """Do it, if it can be done."""
        if self.seconds:
            await asyncio.sleep(self.seconds)
        if self.failure is not None:
            raise self.failure
        return work(self.connection)


def link_of(
    provider: MockMemoryProvider,
    name: str,
    clock: FakeClock,
    observer: ChainObserver | None = None,
    breaker: BreakerPolicy | None = None,
) -> Link:
    """Put a provider behind all that stands before it."""
    chance = Random(name).random  # noqa: S311 - seeded, so that every run is the same
    guards = Guards(
        breaker=CircuitBreaker(name, breaker or BreakerPolicy(), clock, chance),
        budget=RetryBudget(BudgetPolicy(), clock),
        bulkhead=Bulkhead(name, 16),
        last_resort=LastResortLimiter(name, clock),
    )
    return Link(name, provider, Attempts(AttemptPolicy(), guards, observer, chance=chance, now=clock))


class Scene:
    """Two or more providers, all of them complete members, with a chain over them."""

    def __init__(self, clock: FakeClock, names: Sequence[str]) -> None:
        self.clock = clock
        self.versions = HybridClock(lambda: int(clock() * 1000))
        self.runner = BreakableRunner(open_memory(clock))
        self.journal = SqliteJournal("journal-1", self.runner, self.runner)
        self.observer: ChainObserver = Unobserved()
        self.providers = {name: FrailProvider(clock) for name in names}
        self.links = {name: link_of(provider, name, clock) for name, provider in self.providers.items()}
        self.chained = ChainedProvider(
            Route(tuple(self.links.values()), frozenset(names)), self.journal, self.versions, now=clock
        )
        self.chain = Listening(self.chained)
        self.told = Told("a request")
        notes.current.set(self.told)

    @property
    def home(self) -> FrailProvider:
        """The first provider."""
        return next(iter(self.providers.values()))

    @property
    def standby(self) -> FrailProvider:
        """The second provider."""
        return list(self.providers.values())[1]

    def listen(self) -> Told:
        """Begin another request, and give its notes."""
        self.told = Told("another request")
        notes.current.set(self.told)
        return self.told

    def lose_journal(self) -> None:
        """From now on the journal cannot be reached."""
        self.runner.failure = JournalUnavailable("gone")

    def stop_journal(self) -> None:
        """From now on it does not answer, and does not say so either."""
        self.runner.seconds = FOREVER

    def find_journal(self) -> None:
        """From now on it answers."""
        self.runner.failure = None
        self.runner.seconds = 0.0

    def deliverer(self, name: str, policy: RelayPolicy | None = None) -> OutboxRelay:
        """Make a deliverer to one provider."""
        chance = Random(name).random  # noqa: S311 - seeded, so that every run is the same
        return OutboxRelay(
            name,
            self.journal,
            lambda: self.links[name],
            policy or RelayPolicy(),
            self.observer,
            chance=chance,
            now=self.clock,
        )

    async def remember(self, *texts: str) -> None:
        """Store memories, one operation each."""
        await self.chain.remember_many([NewMemory(owner=Owner(USER), content=text) for text in texts])

    async def deliver(self) -> None:
        """Bring everything that is due to everybody."""
        for name in self.providers:
            deliverer = self.deliverer(name)
            while await deliverer.deliver_some():
                pass

    async def forget(self) -> None:
        """Have everything delivered, and the journal forget it."""
        await self.deliver()
        await self.journal.prune(0.0)

    async def kept(self, name: str) -> list[str]:
        """The texts that one provider holds."""
        provider = self.providers[name]
        page = await MockMemoryProvider.page(provider, PageQuery(owner=Owner(USER)))
        return [record.content for record in page.memories]

    async def dead(self) -> list[DeadLetter]:
        """All dead letters."""
        await asyncio.sleep(0.1)  # settlements may be under way
        return await self.journal.dead(100)

    async def operations(self) -> int:
        """How many memories the journal knows of."""
        return (await self.journal.status()).operations

    def open_breakers(self) -> None:
        """Let every breaker see enough failures to open."""
        for link in self.links.values():
            while not link.attempts.guards.breaker.refuses():
                fail(link.attempts.guards.breaker)


def play(act: Callable[[Scene], Coroutine[Any, Any, None]], *names: str) -> None:
    """Play a scene to its end."""

    async def main(clock: FakeClock) -> None:
        scene = Scene(clock, names or ("home", "standby"))
        for name, provider in scene.providers.items():
            await scene.journal.join(name, await MockMemoryProvider.identity(provider))
            await scene.journal.mark(name, MemberState.COMPLETE)
        await act(scene)
        await asyncio.sleep(1)  # for settlements under way
        scene.find_journal()
        await scene.journal.close()
        scene.runner.connection.close()

    simulate(main)


@asynccontextmanager
async def running(deliverer: OutboxRelay) -> AsyncIterator[None]:
    """Let a deliverer work for as long as the context lasts."""
    task = asyncio.create_task(deliverer.run())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def failure_of(asked: Awaitable[object]) -> ProviderError:
    """Give the error that a call ends with."""
    try:
        answer = await asked
    except ProviderError as error:
        return error
    raise AssertionError(f"answered: {answer}")
