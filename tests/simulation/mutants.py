"""Designs that do not keep the promises, each a plausible one: the checker must find every one of them out."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TypeVar

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from providers.base import MemoryProvider
from providers.chain.deadline import Deadline
from providers.chain.link import Link
from providers.chain.overlay import record_of
from providers.chain.policy import OperationClass
from providers.chain.route import Route
from providers.clock import HybridClock, moment_of
from providers.digests import digest_of
from providers.errors import MemoryNotFound, ProviderError, Unavailable
from providers.filters import Filter
from providers.journal.base import Journal
from providers.journal.operations import Settlement
from providers.journal.sqlite.ledger import Ledger
from providers.journal.sqlite.opening import open_memory
from providers.replica import Replica
from providers.types import Health, MemoryRecord, Metadata, NewMemory, Position, RecallQuery, Snapshot
from tests.simulation.journal import FaultyRunner, SimulatedJournal
from tests.simulation.script import REPLICAS
from tests.simulation.stores import Store, WeakStore
from tests.simulation.world import RealDesign

Answer = TypeVar("Answer")


class NaiveChain(RealDesign):
    """Every operation goes to the first provider that takes it."""

    def provider(self, route: Route, journal: Journal, clock: HybridClock, now: Callable[[], float]) -> MemoryProvider:
        """Put a chain together that knows no journal."""
        return _Fallback(route.links, route.links, clock, now)


class ReadsFallBack(RealDesign):
    """Writes go to the first provider alone, reads to the first that answers."""

    def provider(self, route: Route, journal: Journal, clock: HybridClock, now: Callable[[], float]) -> MemoryProvider:
        """Put a chain together that knows no journal."""
        return _Fallback(route.links[:1], route.links, clock, now)


class JournalPerReplica(RealDesign):
    """Each replica has a journal on its own disk."""

    def ledgers(self, now: Callable[[], float]) -> list[Ledger]:
        """Give each its own."""
        return [open_memory(now) for _ in range(REPLICAS)]


class TombstoneDropped(RealDesign):
    """The journal forgets a deletion as soon as every provider has confirmed it."""

    def journal(self, runner: FaultyRunner, *, looks: bool) -> Journal:
        """Make a journal that forgets."""
        return _Forgetful(runner, looks=looks)


class LastWriterWins(RealDesign):
    """A deletion is a write like any other: what carries the later time of day stays."""

    def store(self, clock: HybridClock, name: str, *, weak: bool) -> Store:
        """Make a store that compares versions and nothing else."""
        return _LastWriterWinsStore(clock, name)

    def provider(self, route: Route, journal: Journal, clock: HybridClock, now: Callable[[], float]) -> MemoryProvider:
        """Put a chain together whose versions are the time of day."""
        return super().provider(route, journal, _TimeOfDay(clock), now)


class _Forgetful(SimulatedJournal):
    async def settle(self, settlements: Sequence[Settlement]) -> None:
        await super().settle(settlements)
        await self.forget([entry.seq for entry in await self.tombstones(100, 0.0)])


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
        self._deleted: dict[tuple[str, str], int] = {}

    async def put_many(self, snapshots: Sequence[Snapshot]) -> list[ProviderError | None]:
        for state in snapshots:
            key = state.user_id, state.id
            held = await self.snapshot(*key)
            if max(held.version if held else 0, self._deleted.get(key, 0)) < state.version:
                await super().put_many([state])
                if state.deleted:
                    self._deleted[key] = state.version
        return [None] * len(snapshots)

    async def land(self, snapshots: Sequence[Snapshot]) -> None:
        await self.put_many(snapshots)


class _Fallback(MemoryProvider):
    """Ask one provider after the other."""

    def __init__(
        self, writers: Sequence[Link], readers: Sequence[Link], clock: HybridClock, now: Callable[[], float]
    ) -> None:
        self._writers = writers
        self._readers = readers
        self._clock = clock
        self._now = now

    async def remember(
        self,
        user_id: str,
        content: str,
        metadata: Metadata | None = None,
        *,
        memory_id: str | None = None,
        version: int | None = None,
        created_at: datetime | None = None,
    ) -> str:
        version = version or self._clock.next()
        created_at = created_at or moment_of(version)
        return await self._write(
            lambda provider: provider.remember(
                user_id, content, metadata, memory_id=memory_id, version=version, created_at=created_at
            )
        )

    async def delete(
        self, user_id: str, memory_id: str, *, version: int | None = None, edit_id: str | None = None
    ) -> bool:
        version = version or self._clock.next()
        tombstone = Snapshot(user_id=user_id, id=memory_id, version=version, content=None)

        async def ask(provider: Replica) -> bool:
            former = await provider.snapshot(user_id, memory_id)
            await provider.put_many([tombstone])
            return former is not None and not former.deleted

        return await self._write(ask)

    async def update(
        self,
        user_id: str,
        memory_id: str,
        *,
        content: str | UnsetType = UNSET,
        metadata: Metadata | UnsetType | None = UNSET,
        version: int | None = None,
        edit_id: str | None = None,
    ) -> MemoryRecord:
        async def ask(provider: Replica) -> MemoryRecord:
            former = await provider.snapshot(user_id, memory_id)
            if former is None or former.deleted:
                raise MemoryNotFound(memory_id)
            self._clock.observe(former.version)
            text = former.content if content is UNSET else content
            state = replace(former, content=text, version=self._clock.next(), digest=digest_of(str(text), None))
            await provider.put_many([state])
            return record_of(state)

        return await self._write(ask)

    async def get(self, user_id: str, memory_id: str) -> MemoryRecord:
        return await self._read(lambda provider: provider.get(user_id, memory_id))

    async def list_memories(
        self, user_id: str, limit: int = 100, offset: int = 0, *, after: Position | None = None
    ) -> list[MemoryRecord]:
        return await self._read(lambda provider: provider.list_memories(user_id, limit, offset, after=after))

    async def recall(
        self,
        user_id: str,
        query: str,
        limit: int = 10,
        *,
        where: Filter | None = None,
        created_from: datetime | None = None,
        created_before: datetime | None = None,
        min_score: float = 0.0,
    ) -> list[MemoryRecord]:
        return await self._read(lambda provider: provider.recall(user_id, query, limit))

    async def health_check(self) -> Health:
        raise NotImplementedError

    async def remember_many(self, memories: Sequence[NewMemory]) -> list[str | ProviderError]:
        raise NotImplementedError

    async def recall_many(self, queries: Sequence[RecallQuery]) -> list[list[MemoryRecord] | ProviderError]:
        raise NotImplementedError

    async def _write(self, ask: Callable[[Replica], Awaitable[Answer]]) -> Answer:
        return await self._first(self._writers, ask, OperationClass.REMEMBER)

    async def _read(self, ask: Callable[[Replica], Awaitable[Answer]]) -> Answer:
        return await self._first(self._readers, ask, OperationClass.RECALL)

    async def _first(
        self, links: Sequence[Link], ask: Callable[[Replica], Awaitable[Answer]], operation: OperationClass
    ) -> Answer:
        deadline = Deadline.after(links[0].attempts.policy.of(operation).deadline, self._now)
        for link in links[:-1]:
            try:
                return await link.call(ask, operation, deadline.earlier(deadline.remaining() / 2))
            except Unavailable:
                continue
        return await links[-1].call(ask, operation, deadline)


MUTANTS: tuple[type[RealDesign], ...] = (
    NaiveChain,
    ReadsFallBack,
    JournalPerReplica,
    TombstoneDropped,
    LastWriterWins,
)
