"""A journal in memory, and the parts of a chain put together over it and over frail stores, on one clock."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from providers.chain.attempts import Attempts
from providers.chain.breaker import CircuitBreaker
from providers.chain.breaker_state import BreakerSnapshot
from providers.chain.budget import RetryBudget
from providers.chain.bulkhead import Bulkhead
from providers.chain.chain import Chain
from providers.chain.guards import Guards
from providers.chain.last_resort import LastResortLimiter
from providers.chain.link import Link
from providers.chain.membership import Membership
from providers.chain.observer import ChainObserver, Unobserved
from providers.chain.opening import JournalSpec, ProviderSpec
from providers.chain.policy import AttemptPolicy, BreakerPolicy, BudgetPolicy, ChainPolicy
from providers.errors import Unavailable
from providers.expectations import ProviderLimits
from providers.journal.base import Journal, JournalUnavailable
from providers.journal.operations import Member, MemberState, Operation, OperationKind
from providers.journal.sqlite.connection import Work
from providers.journal.sqlite.journal import SqliteJournal
from providers.journal.sqlite.opening import open_memory
from providers.journal.sqlite.running import Runner
from providers.memory.provider import MockMemoryProvider
from providers.states.clock import HybridClock
from providers.types import Snapshot
from tests.support.clock import FakeClock, simulate
from tests.support.frail import FrailProvider

Result = TypeVar("Result")

USER = "kannan"
DEFAULT = AttemptPolicy()
FILL_SECONDS = 10.0  # a newcomer waits for some before it is filled


class Disk(Runner):
    """The journal's database, all work in the caller's thread; `seconds` is what an answer takes on its way back."""

    def __init__(self, clock: FakeClock) -> None:
        self.connection = open_memory(clock)
        self.down = False
        self.seconds = 0.0

    async def run(self, work: Work[Result]) -> Result:
        """Do it at once."""
        if self.down:
            raise JournalUnavailable("out of reach")
        result = work(self.connection)
        if self.seconds:
            await asyncio.sleep(self.seconds)
        return result


class Changes(Unobserved):
    """Remembers how breakers have changed."""

    def __init__(self, changes: list[BreakerSnapshot]) -> None:
        self._changes = changes

    def breaker_changed(self, snapshot: BreakerSnapshot) -> None:
        """Remember."""
        self._changes.append(snapshot)


class Stage:
    """One journal for all processes, and whatever is played before it."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.disk = Disk(clock)
        self.journal = SqliteJournal("the journal", self.disk, self.disk)
        self.changes: list[BreakerSnapshot] = []
        self.observer: ChainObserver | None = None
        self.opened_journals = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._chains: list[Chain] = []

    def store(self) -> FrailProvider:
        """An empty store."""
        return FrailProvider(self.clock)

    def link(self, name: str, store: MockMemoryProvider) -> Link:
        """A provider on a store."""
        guards = Guards(
            breaker=CircuitBreaker(name, BreakerPolicy(), self.clock, lambda: 0.0),
            budget=RetryBudget(BudgetPolicy(at_least=100), self.clock),
            bulkhead=Bulkhead(name, 32),
            last_resort=LastResortLimiter(name, self.clock),
        )
        return Link(name, store, Attempts(DEFAULT, guards, chance=lambda: 1.0, now=self.clock))

    def part(
        self, name: str, store: FrailProvider, settings: object = None, attempts: AttemptPolicy = DEFAULT
    ) -> ProviderSpec:
        """A provider that shall take part in a chain."""
        return ProviderSpec(
            name=name,
            settings=(settings, id(store)),
            opened=store.held,
            attempts=attempts,
            limits=ProviderLimits(concurrency=32),
        )

    def chain(self, *, journal: bool = True, always: bool = False) -> Chain:
        """A chain without an order; it is closed in the end."""
        choice = JournalSpec(opened=self._journal_held if journal else None, always=always)
        clock = HybridClock(lambda: int(self.clock() * 1000))
        chain = Chain(choice, ChainPolicy(), clock, self.observer or Changes(self.changes), self.clock)
        self._chains.append(chain)
        return chain

    def process(self, holder: str, links: Sequence[Link]) -> "Process":
        """A process that looks after the membership of providers."""
        return Process(self, holder, links)

    def run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do something until the end of the play."""
        task = asyncio.ensure_future(work)
        self._tasks.append(task)
        return task

    async def member(self, name: str) -> Member | None:
        """What the journal knows of a provider."""
        return next((member for member in await self.journal.members() if member.name == name), None)

    async def complete(self) -> set[str]:
        """Who has received everything."""
        return {member.name for member in await self.journal.members() if member.state is MemberState.COMPLETE}

    async def append(self, state: Snapshot) -> None:
        """Let the journal know of a memory."""
        kind = OperationKind.DELETE if state.deleted else OperationKind.REMEMBER
        await self.journal.append([Operation(kind=kind, state=state)])

    async def close(self) -> None:
        """End everything."""
        self.disk.down = False
        for chain in self._chains:
            await chain.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.journal.close()
        self.disk.connection.close()

    @asynccontextmanager
    async def _journal_held(self) -> AsyncIterator[Journal]:
        self.opened_journals += 1
        try:
            yield self.journal
        finally:
            self.opened_journals -= 1


class Process:
    """The membership as one process keeps it, and who may answer there."""

    def __init__(self, stage: Stage, holder: str, links: Sequence[Link]) -> None:
        self.links = links
        self.complete: frozenset[str] = frozenset()
        self.membership = Membership(
            holder,
            stage.journal,
            lambda: self.links,
            self._set_complete,
            now=stage.clock,
            observer=stage.observer or Unobserved(),
        )
        self._stage = stage

    async def start(self) -> "Process":
        """Take the order into force, and look after it from now on."""
        admitted = await self.membership.admit({link.name: await _identity(link) for link in self.links})
        self.complete = admitted.names
        self._stage.run(self._run())
        return self

    def _set_complete(self, complete: frozenset[str]) -> None:
        self.complete = complete

    async def _run(self) -> None:
        try:
            await self.membership.run()
        finally:
            for task in self.membership.tasks:
                task.cancel()
            await asyncio.gather(*self.membership.tasks, return_exceptions=True)


async def _identity(link: Link) -> str | None:
    try:
        return await link.provider.identity()
    except Unavailable:
        return None


def staged(main: Callable[[Stage], Coroutine[Any, Any, Result]]) -> Result:
    """Play to the end in simulated time."""

    async def play(clock: FakeClock) -> Result:
        stage = Stage(clock)
        try:
            return await main(stage)
        finally:
            await stage.close()

    return simulate(play)
