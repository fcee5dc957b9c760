"""Plausible designs that do not keep the promises; the checker must find out every one of them."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from providers.answers import Erased
from providers.base import MemoryProvider
from providers.chain.route import Route
from providers.chain.waiting.background_tries import BackgroundTries, Conclude
from providers.chain.waiting.home_try import HomeTry
from providers.errors import Rejected, Unavailable
from providers.journal.base import Journal, JournalUnavailable
from providers.journal.operations import Appended, Delivery, Done, JournalEntry, Operation, Postponed, Settlement
from providers.journal.sqlite.connection import JournalConnection
from providers.journal.sqlite.opening import open_memory
from providers.limits import MAX_BATCH
from providers.owners import Owner
from providers.replica import Replica
from providers.states.clock import HybridClock
from providers.types import ALL, Conditions
from tests.simulation.design import RealDesign
from tests.simulation.fallback import Fallback
from tests.simulation.journal import FaultyRunner, SimulatedJournal
from tests.simulation.script import PROVIDERS, REPLICAS
from tests.simulation.stores import WeakStore
from tests.support.chain_rig import ChainRig, route_of

Answer = TypeVar("Answer")

_FLUSHED_EVERY = 0.5  # seconds
_TRACES_KEPT = 1.0  # seconds, less than a write may take


class NaiveChain(RealDesign):
    """Every operation goes to the first provider that takes it."""

    def provider(self, rig: ChainRig, route: Route, trusted: Callable[[], bool]) -> MemoryProvider:
        """Return a chain without a journal."""
        return Fallback(route.links, route.links, rig.versions, rig.now)


class ReadsFallBack(RealDesign):
    """Writes go to the first provider alone, reads to the first that answers."""

    def provider(self, rig: ChainRig, route: Route, trusted: Callable[[], bool]) -> MemoryProvider:
        """Return a chain without a journal."""
        return Fallback(route.links[:1], route.links, rig.versions, rig.now)


class JournalPerReplica(RealDesign):
    """Each replica has a journal on its own disk."""

    def connections(self, now: Callable[[], float], wall: Callable[[], float]) -> list[JournalConnection]:
        """Return a connection of its own for each."""
        return [open_memory(now) for _ in range(REPLICAS)]


class TombstoneDropped(RealDesign):
    """The journal forgets a deletion as soon as every provider has confirmed it."""

    def journal(self, runner: FaultyRunner, *, looks: bool) -> Journal:
        """Return a journal that forgets."""
        return _Forgetful(runner, looks=looks)


class TraceDropped(RealDesign):
    """The journal forgets what was deleted although it never was before an earlier write of it has come to its end."""

    def journal(self, runner: FaultyRunner, *, looks: bool) -> Journal:
        """Return a journal that forgets."""
        return _Traceless(runner, looks=looks)


class LastWriterWins(RealDesign):
    """A deletion is a write like any other: what carries the later time of day stays."""

    def store(self, clock: HybridClock, name: str, *, weak: bool) -> Replica:
        """Return a store that compares versions and nothing else."""
        return WeakStore(clock, name, last_writer_wins=True)

    def provider(self, rig: ChainRig, route: Route, trusted: Callable[[], bool]) -> MemoryProvider:
        """Return a chain whose versions are the time of day."""
        return super().provider(ChainRig(rig.journal, rig.now, _TimeOfDay(rig.versions)), route, trusted)


class OverlayIgnored(RealDesign):
    """Lists and recalls are what the provider says, whatever the journal knows better."""

    def journal(self, runner: FaultyRunner, *, looks: bool) -> Journal:
        """Return a journal that has nothing to lay over an answer."""
        return _Silent(runner, looks=looks)


class SettlesFirst(RealDesign):
    """The relay takes a delivery off the journal, and then makes it."""

    def journal(self, runner: FaultyRunner, *, looks: bool) -> Journal:
        """Return a journal that settles what it leases."""
        return _Generous(runner, looks=looks)


class AppendsLater(RealDesign):
    """A write is acknowledged while the journal is still on the way to the disk."""

    def journal(self, runner: FaultyRunner, *, looks: bool) -> Journal:
        """Return a journal that promises what it has not done yet."""
        return _Hasty(runner, looks=looks)


class AnswersEarly(RealDesign):
    """A newcomer answers reads from the moment at which it is in the order."""

    def route(self, route: Route) -> Route:
        """Return a route on which every provider is complete."""
        return route_of(route.links)


class ClearsHome(RealDesign):
    """A deletion of everything reaches the provider where reads look first, and no other."""

    def provider(self, rig: ChainRig, route: Route, trusted: Callable[[], bool]) -> MemoryProvider:
        """Return a chain that leaves the standbys as they are."""
        chained = rig.chained(route, trusted=trusted)

        async def erase_all(owner: Owner, limit: int = MAX_BATCH, conditions: Conditions = ALL) -> Erased:
            readers = chained.route.verified.readers
            if not readers:
                raise Unavailable("nobody is complete")
            return await readers[0].provider.erase_all(owner, limit, conditions)

        vars(chained)["erase_all"] = erase_all  # the world sets the route of a chain, and of no wrapper
        return chained


class DeliversAgain(RealDesign):
    """The relay gets what home was slow to confirm as soon as the caller is answered, although the try goes on."""

    def provider(self, rig: ChainRig, route: Route, trusted: Callable[[], bool]) -> MemoryProvider:
        """Return a chain that leaves a write to the relay that it goes on with itself."""
        chained = rig.chained(route, trusted=trusted)
        chained.home.background = _Twice(rig.journal)
        return chained


class _Twice(BackgroundTries):
    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal
        self._released: set[asyncio.Task[None]] = set()

    def go_on(self, attempt: HomeTry, conclude: Conclude) -> None:
        super().go_on(attempt, conclude)
        task = asyncio.create_task(self._release(attempt))
        self._released.add(task)
        task.add_done_callback(self._released.discard)

    async def _release(self, attempt: HomeTry) -> None:
        due = [Postponed(seq=seq, provider=attempt.home.name, delay=0.0) for seq in attempt.seqs]
        with suppress(JournalUnavailable):
            await self._journal.settle(attempt.lease.noted(due))


class _Silent(SimulatedJournal):
    async def entries(self, owner: Owner, provider: str, limit: int, tombstones: int) -> list[JournalEntry]:
        return []


class _Generous(SimulatedJournal):
    async def lease(self, provider: str, limit: int, seconds: float) -> list[Delivery]:
        deliveries = await super().lease(provider, limit, seconds)
        await self.settle([Done(seq=delivery.seq, provider=provider) for delivery in deliveries])
        return deliveries


class _Hasty(SimulatedJournal):
    def __init__(self, runner: FaultyRunner, *, looks: bool) -> None:
        super().__init__(runner, looks=looks)
        self._appending: set[asyncio.Task[None]] = set()

    async def append(
        self, operations: Sequence[Operation], *, held: str | None = None, seconds: float = 0.0
    ) -> list[Appended | Rejected]:
        task = asyncio.create_task(self._append(operations))
        self._appending.add(task)
        task.add_done_callback(self._appending.discard)
        return [
            Appended(
                entry=JournalEntry(seq=0, kind=operation.kind, state=operation.state, pending=frozenset(PROVIDERS))
            )
            for operation in operations
        ]

    async def _append(self, operations: Sequence[Operation]) -> None:
        await asyncio.sleep(_FLUSHED_EVERY)
        with suppress(JournalUnavailable):
            await super().append(operations)


class _Forgetful(SimulatedJournal):
    async def settle(self, settlements: Sequence[Settlement]) -> None:
        await super().settle(settlements)
        await self.forget([entry.seq for entry in await self.tombstones(100, 0.0)])


class _Traceless(SimulatedJournal):
    async def append(
        self, operations: Sequence[Operation], *, held: str | None = None, seconds: float = 0.0
    ) -> list[Appended | Rejected]:
        old = await self.tombstones(100, _TRACES_KEPT)
        await self.forget([entry.seq for entry in old], traces=True)
        return await super().append(operations, held=held, seconds=seconds)


class _TimeOfDay(HybridClock):
    def __init__(self, clock: HybridClock) -> None:
        super().__init__()
        self._clock = clock

    def next(self) -> int:
        return self._clock.next()

    def observe(self, version: int) -> None:
        """Learn nothing from others."""


MUTANTS: tuple[type[RealDesign], ...] = (
    NaiveChain,
    ReadsFallBack,
    JournalPerReplica,
    TombstoneDropped,
    TraceDropped,
    LastWriterWins,
    OverlayIgnored,
    SettlesFirst,
    AppendsLater,
    AnswersEarly,
    ClearsHome,
)
