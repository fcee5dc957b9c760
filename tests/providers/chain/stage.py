"""A stage for tests that run whole chains and memberships: one clock, one journal in memory, frail providers."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from providers.chain.breaker_state import BreakerSnapshot
from providers.chain.chain import Chain
from providers.chain.link import Link
from providers.chain.membership import Membership
from providers.chain.observer import ChainObserver, Unobserved
from providers.chain.opening import ProviderSpec
from providers.chain.policy import AttemptPolicy, BudgetPolicy, ChainPolicy
from providers.chain.relay import OutboxRelay
from providers.chain.stores.in_sync import InSyncSet
from providers.errors import Unavailable
from providers.expectations import ProviderLimits
from providers.journal.operations import Member, MemberState, Operation, OperationKind
from providers.memory.provider import MockMemoryProvider
from providers.types import Snapshot
from tests.support.chain_rig import INSTALLATION, ChainRig, Guarding, JournalInMemory, link_of
from tests.support.clock import FakeClock, simulate
from tests.support.frail import FrailProvider

Result = TypeVar("Result")

USER = "kannan"
DEFAULT = AttemptPolicy()
FILL_SECONDS = 10.0  # a newcomer waits for some before it is filled
_GUARDING = Guarding(budget=BudgetPolicy(at_least=100), breaker_chance=lambda: 0.0, chance=lambda: 1.0)


class Changes(Unobserved):
    """An observer that records how breakers have changed."""

    def __init__(self, changes: list[BreakerSnapshot]) -> None:
        self._changes = changes

    def breaker_changed(self, snapshot: BreakerSnapshot) -> None:
        """Record a change."""
        self._changes.append(snapshot)


class Stage:
    """One journal for all processes, and the chains and links of a test."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.journal = JournalInMemory(clock)
        self.disk = self.journal.runner
        self.changes: list[BreakerSnapshot] = []
        self.observer: ChainObserver | None = None
        self._rig = ChainRig(self.journal, clock)
        self._tasks: list[asyncio.Task[None]] = []
        self._chains: list[Chain] = []

    @property
    def opened_journals(self) -> int:
        """How many chains have the journal open."""
        return self._rig.opened_journals

    def store(self) -> FrailProvider:
        """Return an empty store."""
        return FrailProvider(self.clock)

    def link(self, name: str, store: MockMemoryProvider) -> Link:
        """Return the link to a store."""
        return link_of(name, store, self.clock, _GUARDING)

    def part(
        self, name: str, store: FrailProvider, settings: object = None, attempts: AttemptPolicy = DEFAULT
    ) -> ProviderSpec:
        """Return the part that a store plays in a chain."""
        return ProviderSpec(
            name=name,
            settings=(settings, id(store)),
            opened=store.held,
            attempts=attempts,
            limits=ProviderLimits(concurrency=32),
        )

    def chain(self, policy: ChainPolicy | None = None, *, journal: bool = True, always: bool = False) -> Chain:
        """Return a chain without an order; the stage closes it in the end."""
        chain = self._rig.chain(self.observer or Changes(self.changes), policy, journal=journal, always=always)
        self._chains.append(chain)
        return chain

    def relay(self, link: Link) -> OutboxRelay:
        """Return the relay to the store of a link."""
        return self._rig.relay(link.name, lambda: link)

    def process(self, holder: str, links: Sequence[Link]) -> "Process":
        """Return a process that manages the membership of providers."""
        return Process(self, holder, links)

    def run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something until the end of the test."""
        task = asyncio.ensure_future(work)
        self._tasks.append(task)
        return task

    async def member(self, name: str) -> Member | None:
        """Return the entry of a provider in the journal."""
        return next((member for member in await self.journal.members() if member.name == name), None)

    async def complete(self) -> set[str]:
        """Return the providers that have received everything."""
        return {member.name for member in await self.journal.members() if member.state is MemberState.COMPLETE}

    async def append(self, state: Snapshot) -> None:
        """Append a state of a memory to the journal."""
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


class Process:
    """The membership as one process manages it, and the providers that may answer there."""

    def __init__(self, stage: Stage, holder: str, links: Sequence[Link]) -> None:
        self.links = links
        self.complete: frozenset[str] = frozenset()
        self.restored: tuple[str, ...] = ()
        self.membership = Membership.of(
            holder,
            stage.journal,
            lambda: self.links,
            self._set_in_sync,
            INSTALLATION,
            now=stage.clock,
            observer=stage.observer,
        )
        self._stage = stage

    async def start(self) -> "Process":
        """Put the order in force, and manage the membership from now on."""
        self._set_in_sync(await self.membership.admit(self.links, {}))
        self._stage.run(self._run())
        return self

    def _set_in_sync(self, found: InSyncSet) -> None:
        self.complete, self.restored = found.names, found.restored

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
    """Run a test on a stage in simulated time, and close the stage."""

    async def play(clock: FakeClock) -> Result:
        stage = Stage(clock)
        try:
            return await main(stage)
        finally:
            await stage.close()

    return simulate(play)
