"""ChainedProvider: several providers that keep every promise while any one of them is down."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from providers import limits
from providers.answers import Changed, DeletedBy, Erased, Fetched, Found, Stored
from providers.base import MemoryProvider
from providers.chain.confirming import Confirmer
from providers.chain.context import ChainContext
from providers.chain.deadline import Shutdown
from providers.chain.deleting import ChainEraser
from providers.chain.feeding import FeedReader
from providers.chain.hedging.order import Hedging
from providers.chain.histories import ChainHistories
from providers.chain.missed_touches import MissedTouches
from providers.chain.observer import ChainObserver, Unobserved
from providers.chain.policy import RECALL_WEIGHT, OperationClass
from providers.chain.reading import ChainReader
from providers.chain.recall_batch import RecallBatch
from providers.chain.route import Route
from providers.chain.status import ChainStatus
from providers.chain.touching import touch_all
from providers.chain.versions import HistoryReader
from providers.chain.waiting.background_tries import BackgroundTries
from providers.chain.writing import ChainWriter
from providers.errors import ProviderError
from providers.feed import FeedPage, FeedQuery
from providers.health import Health
from providers.histories import HistoriesPage, HistoriesQuery
from providers.history import HistoryPage, HistoryQuery
from providers.journal.base import Journal
from providers.owners import Owner
from providers.states.clock import HybridClock
from providers.touches import Touch
from providers.types import ALL, Conditions, Deletion, Edit, NewMemory, PageQuery, RecallQuery, Snapshot


class ChainHealth(Health, frozen=True, kw_only=True):
    """Healthy while a provider in sync can answer reads; `providers` has the health of each in the order.

    `journal_error` is why the journal takes no writes now: reads are answered, writes are refused.
    """

    providers: dict[str, Health]
    journal_error: str | None = None


class ChainedProvider(MemoryProvider):
    """Write to the journal, then to home; read from the first provider that answers, with the overlay applied.

    `route` may be replaced at any moment: an operation keeps the one on which it began. `home` confirms writes, and
    `pacing` slows them down while much waits for home.
    """

    def __init__(
        self,
        route: Route,
        journal: Journal,
        clock: HybridClock,
        observer: ChainObserver | None = None,
        now: Callable[[], float] = time.monotonic,
        shutdown: Shutdown | None = None,
        distrust: Callable[[], str | None] = lambda: None,
        hedging: Hedging | None = None,
    ) -> None:
        self.route = route
        self.journal = journal
        self._context = ChainContext(journal, observer or Unobserved(), now, shutdown, distrust, clock)
        self.pacing = self._context.pacing
        self._missed = MissedTouches(lambda: self.route.links, now)
        self._reader = ChainReader(self._context, hedging or Hedging(), clock)
        self.home = Confirmer(self._context, clock, journal)
        self._feed = FeedReader(self._context)
        self._history = HistoryReader(self._context, clock)
        self._histories = ChainHistories(self._context, self._reader, clock)
        self._writer = ChainWriter(self._context, self._reader, clock, self.home)
        self._eraser = ChainEraser(self._context, self._reader, clock, self.home)

    @property
    def tries(self) -> BackgroundTries:
        """The tries of writes that go on after their callers were answered."""
        return self.home.background

    def observe(self, status: ChainStatus) -> None:
        """Slow writes down from now on as what waits for home demands, given a status of this chain."""
        homes = [one for one in status.providers if one.name == status.home and status.journal is not None]
        pending = sum(home.pending for home in homes)
        self.pacing.look(pending, max((home.oldest_pending_seconds for home in homes), default=0.0))

    def store(self, memory: NewMemory) -> Coroutine[Any, Any, Stored]:
        """See `MemoryStore`."""
        return self._writer.store(self.route.verified, memory)

    def store_many(self, memories: Sequence[NewMemory]) -> Coroutine[Any, Any, list[Stored | ProviderError]]:
        """See `MemoryStore`."""
        return self._writer.store_many(self.route.verified, memories)

    def find(self, query: RecallQuery) -> Coroutine[Any, Any, Found]:
        """See `MemoryStore`."""
        return self._reader.find(self.route, query)

    async def find_many(self, queries: Sequence[RecallQuery]) -> list[Found | ProviderError]:
        """See `MemoryStore`; a few queries run at a time, each with the deadline of a single one.

        The caller's own deadline, or that of a batch of this size, covers all of them together: what was answered by
        then is, and the others fail alone.
        """
        limits.check_batch("queries", queries)
        end = self._context.deadline(self.route, OperationClass.RECALL, RECALL_WEIGHT * len(queries))
        await self._context.check_session(end.remaining())
        return await RecallBatch(end).answers(queries, lambda query: self._reader.find(self.route, query, end))

    def fetch(self, owner: Owner, memory_id: str) -> Coroutine[Any, Any, Fetched]:
        """See `MemoryStore`."""
        return self._reader.fetch(self.route, owner, memory_id)

    def page(self, query: PageQuery) -> Coroutine[Any, Any, Found]:
        """See `MemoryStore`."""
        return self._reader.page(self.route, query)

    def feed(self, query: FeedQuery) -> Coroutine[Any, Any, FeedPage]:
        """See `MemoryStore`; a write that home has not confirmed is told as soon as home has it."""
        return self._feed.page(self.route, query)

    def history(self, query: HistoryQuery) -> Coroutine[Any, Any, HistoryPage]:
        """See `MemoryStore`; what waits in the journal is in it."""
        return self._history.page(self.route, query)

    def histories(self, query: HistoriesQuery) -> Coroutine[Any, Any, HistoriesPage]:
        """See `MemoryStore`; what waits in the journal is not in it."""
        return self._histories.page(self.route, query)

    def keep_versions(self, versions: Sequence[Snapshot]) -> Coroutine[Any, Any, list[Stored | ProviderError | None]]:
        """See `MemoryStore`."""
        return self._histories.keep(self.route.verified, versions)

    def change(self, edit: Edit) -> Coroutine[Any, Any, Changed]:
        """See `MemoryStore`."""
        return self._writer.change(self.route.verified, edit)

    def change_many(self, edits: Sequence[Edit]) -> Coroutine[Any, Any, list[Changed | ProviderError]]:
        """See `MemoryStore`."""
        return self._writer.change_many(self.route.verified, edits)

    async def touch(self, touches: Sequence[Touch]) -> None:
        """See `MemoryStore`; it is enough that one provider has noted them, the others will."""
        for name in await touch_all(self.route, touches, self._context.now):
            self._missed.note(name, touches)

    async def finish(self, seconds: float) -> None:
        """Give the tries that still go on so many seconds to end, and give up what else is to be done."""
        await self.tries.finish(seconds)
        await self._missed.stop()

    def erase(self, deletion: Deletion) -> Coroutine[Any, Any, Erased]:
        """See `MemoryStore`."""
        return self._eraser.erase(self.route.verified, deletion)

    def deleted_by(self, owner: Owner, edit_id: str) -> Coroutine[Any, Any, DeletedBy]:
        """See `MemoryStore`; the journal is asked first, whoever has confirmed the deletion."""
        return self._eraser.deleted_by(self.route.verified, owner, edit_id)

    def erase_all(
        self, owner: Owner, limit: int = limits.MAX_BATCH, conditions: Conditions = ALL
    ) -> Coroutine[Any, Any, Erased]:
        """See `MemoryStore`; each memory gets its own tombstone, so that later writes survive, whatever their clock."""
        return self._eraser.erase_all(self.route.verified, owner, limit, conditions)

    async def health_check(self) -> ChainHealth:
        """See `MemoryStore`; all providers are checked at once."""
        route = self.route
        healths = await asyncio.gather(*(link.provider.health_check() for link in route.links))
        return self.health_of(route, {link.name: health for link, health in zip(route.links, healths, strict=True)})

    def health_of(self, route: Route, providers: dict[str, Health]) -> ChainHealth:
        """Return the health of a chain on this route, given the health of its providers."""
        healthy = any(providers[link.name].healthy for link in route.readers)
        return ChainHealth(
            healthy=healthy,
            provider=type(self).__name__,
            error=None if healthy else "no provider that has received everything answers",
            providers=providers,
            journal_error=self.journal.trouble,
        )
