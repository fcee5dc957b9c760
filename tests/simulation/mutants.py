"""Designs that do not keep the promises, each a plausible one: the checker must find every one of them out."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from providers.answers import Erased
from providers.base import MemoryProvider
from providers.chain.chained import ChainedProvider
from providers.chain.route import Route
from providers.errors import ProviderError, Rejected, Unavailable
from providers.journal.base import Journal, JournalUnavailable
from providers.journal.operations import Appended, Delivery, Done, JournalEntry, Operation, Settlement
from providers.journal.sqlite.connection import JournalConnection
from providers.journal.sqlite.opening import open_memory
from providers.limits import MAX_BATCH
from providers.replica import Replica
from providers.states.clock import HybridClock
from providers.types import Owner, Snapshot
from tests.simulation.design import RealDesign
from tests.simulation.fallback import Fallback
from tests.simulation.journal import FaultyRunner, SimulatedJournal
from tests.simulation.script import PROVIDERS, REPLICAS
from tests.simulation.stores import WeakStore

Answer = TypeVar("Answer")

_FLUSHED_EVERY = 0.5  # seconds
_TRACES_KEPT = 1.0  # seconds, less than a write may take


class NaiveChain(RealDesign):
    """Every operation goes to the first provider that takes it."""

    def provider(self, route: Route, journal: Journal, clock: HybridClock, now: Callable[[], float]) -> MemoryProvider:
        """Put a chain together that knows no journal."""
        return Fallback(route.links, route.links, clock, now)


class ReadsFallBack(RealDesign):
    """Writes go to the first provider alone, reads to the first that answers."""

    def provider(self, route: Route, journal: Journal, clock: HybridClock, now: Callable[[], float]) -> MemoryProvider:
        """Put a chain together that knows no journal."""
        return Fallback(route.links[:1], route.links, clock, now)


class JournalPerReplica(RealDesign):
    """Each replica has a journal on its own disk."""

    def connections(self, now: Callable[[], float]) -> list[JournalConnection]:
        """Give each its own."""
        return [open_memory(now) for _ in range(REPLICAS)]


class TombstoneDropped(RealDesign):
    """The journal forgets a deletion as soon as every provider has confirmed it."""

    def journal(self, runner: FaultyRunner, *, looks: bool) -> Journal:
        """Make a journal that forgets."""
        return _Forgetful(runner, looks=looks)


class TraceDropped(RealDesign):
    """The journal forgets what was deleted although it never was before an earlier write of it has come to its end."""

    def journal(self, runner: FaultyRunner, *, looks: bool) -> Journal:
        """Make a journal that forgets."""
        return _Traceless(runner, looks=looks)


class LastWriterWins(RealDesign):
    """A deletion is a write like any other: what carries the later time of day stays."""

    def store(self, clock: HybridClock, name: str, *, weak: bool) -> Replica:
        """Make a store that compares versions and nothing else."""
        return _LastWriterWinsStore(clock, name)

    def provider(self, route: Route, journal: Journal, clock: HybridClock, now: Callable[[], float]) -> MemoryProvider:
        """Put a chain together whose versions are the time of day."""
        return super().provider(route, journal, _TimeOfDay(clock), now)


class OverlayIgnored(RealDesign):
    """Lists and recalls are what the provider says, whatever the journal knows better."""

    def journal(self, runner: FaultyRunner, *, looks: bool) -> Journal:
        """Make a journal that has nothing to lay over an answer."""
        return _Silent(runner, looks=looks)


class SettlesFirst(RealDesign):
    """The deliverer takes a delivery off the journal, and then makes it."""

    def journal(self, runner: FaultyRunner, *, looks: bool) -> Journal:
        """Make a journal that lends nothing, but gives it away."""
        return _Generous(runner, looks=looks)


class AppendsLater(RealDesign):
    """A write is acknowledged while the journal is still on the way to the disk."""

    def journal(self, runner: FaultyRunner, *, looks: bool) -> Journal:
        """Make a journal that promises what it has not done yet."""
        return _Hasty(runner, looks=looks)


class AnswersEarly(RealDesign):
    """A newcomer answers reads from the moment at which it is in the order."""

    def provider(self, route: Route, journal: Journal, clock: HybridClock, now: Callable[[], float]) -> MemoryProvider:
        """Put a chain together that takes everybody for complete."""
        return _Trusting(route, journal, clock, now=now)


class ClearsHome(RealDesign):
    """Who deletes everything has it deleted where reads look first, and nowhere else."""

    def provider(self, route: Route, journal: Journal, clock: HybridClock, now: Callable[[], float]) -> MemoryProvider:
        """Put a chain together that leaves the standbys as they are."""
        return _Careless(route, journal, clock, now=now)


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


class _Trusting(ChainedProvider):
    def __setattr__(self, name: str, value: object) -> None:
        if isinstance(value, Route):
            value = Route(value.links, frozenset(link.name for link in value.links))
        super().__setattr__(name, value)


class _Careless(ChainedProvider):
    async def erase_all(self, owner: Owner, limit: int = MAX_BATCH) -> Erased:
        readers = self.route.verified.readers
        if not readers:
            raise Unavailable("nobody is complete")
        return await readers[0].provider.erase_all(owner, limit)


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


class _LastWriterWinsStore(WeakStore):
    def __init__(self, clock: HybridClock, name: str) -> None:
        super().__init__(clock, name)
        self._deleted: dict[tuple[Owner, str], int] = {}

    async def put_many(self, snapshots: Sequence[Snapshot]) -> list[ProviderError | None]:
        for state in snapshots:
            key = state.owner, state.id
            held = await self.snapshot(*key)
            if max(held.version if held else 0, self._deleted.get(key, 0)) < state.version:
                await super().put_many([state])
                if state.deleted:
                    self._deleted[key] = state.version
        return [None] * len(snapshots)

    async def land(self, snapshots: Sequence[Snapshot]) -> None:
        await self.put_many(snapshots)


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
