"""The history of one memory: what a provider keeps of it, and what of it waits in the journal."""

from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from providers.answers import Answer
from providers.chain.context import ChainContext
from providers.chain.deadline import CallOptions
from providers.chain.execution import JOURNAL, Execution
from providers.chain.fallback import Fallback
from providers.chain.hedging.order import Hedging
from providers.chain.link import Link
from providers.chain.overlay import UNVERIFIED, is_unverified
from providers.chain.pending_view import PendingView
from providers.chain.policy import OperationClass
from providers.chain.route import Route
from providers.errors import MemoryNotFound, Unsupported
from providers.expiry import has_expired
from providers.history import HistoryPage, HistoryQuery, check_history, history_page
from providers.journal.operations import JournalEntry
from providers.retention import is_version
from providers.states.clock import HybridClock
from providers.states.merging import merged
from providers.types import Snapshot


class _InJournal(Struct, frozen=True):
    """What the journal knows of a memory: its newest operation, and superseded versions."""

    entry: JournalEntry | None
    superseded: Sequence[Snapshot]


class HistoryReader(Struct, frozen=True):
    """Answer with the history that the first provider keeps that keeps one, and with what has not reached it yet."""

    context: ChainContext
    clock: HybridClock

    async def page(self, route: Route, query: HistoryQuery) -> HistoryPage:
        """Return a page of a memory's history; see `MemoryStore`.

        Raises:
            Unsupported: no provider in the order keeps one.
            Unavailable: none of those that do answers.
        """
        query = replace(query, memory_id=check_history(query))
        route = of_keepers(route)
        with self.context.begin(route, OperationClass.READ) as execution:
            view = PendingView(self.context, query.owner, execution)
            entry = await view.entry(query.memory_id)
            known = _InJournal(entry, () if view.journal_error else await view.superseded_versions(query.memory_id))
            try:
                page = await self._asked(execution, query, known, view.route)
            except MemoryNotFound:
                if view.journal_error is None:
                    raise
                raise view.journal_error from None  # "not found" is no answer without the journal
            return replace(page, **execution.facts)

    async def _asked(self, execution: Execution, query: HistoryQuery, known: _InJournal, route: Route) -> HistoryPage:
        if known.entry is not None and known.entry.state.deleted:
            error = MemoryNotFound(query.memory_id)
            error.answer = Answer(provider=JOURNAL)
            raise error

        async def ask(link: Link, options: CallOptions) -> HistoryPage:
            try:
                page = await link.call(
                    lambda provider: provider.history(query), OperationClass.READ, options, owner=query.owner
                )
            except MemoryNotFound:
                if known.entry is None or has_expired(known.entry.state, self.clock.moment()):
                    raise
                page = HistoryPage(newest=known.entry.state, versions=[], more=False)
                if is_unverified(known.entry):
                    page = replace(page, degraded=(UNVERIFIED,), eventual=True)
            return await self._joined(query, page, known, self._keeps(link))

        fallback = Fallback(self.context, Hedging())
        return await fallback.first(execution, OperationClass.READ, ask, route, hedged=False)

    def _keeps(self, link: Link) -> Callable[[int], bool]:
        now_ms, retention = self.clock.milliseconds(), link.provider.retention
        return lambda version: retention.keeps(version, now_ms)

    async def _joined(
        self, query: HistoryQuery, page: HistoryPage, known: _InJournal, keeps: Callable[[int], bool]
    ) -> HistoryPage:
        """Add to a provider's page the versions that belong there and that it does not have yet."""
        if known.entry is None:
            return page
        newest = merged(page.newest, known.entry.state)
        if has_expired(newest, self.clock.moment()):
            raise MemoryNotFound(query.memory_id)
        # Behind a page that goes on there may be others between those of the journal.
        floor = max(page.floor, page.versions[-1].version if page.more and page.versions else 0)
        waiting = {one.version: one for one in (*known.superseded, known.entry.state) if keeps(one.version)}
        there = {one.version: one for one in (page.newest, *page.versions)}
        older = {
            version: one
            for version, one in (waiting | there).items()
            if floor <= version < newest.version and query.shows(version) and is_version(one, newest)
        }
        kept = [older[version] for version in sorted(older, reverse=True)]
        joined = await history_page(query, newest, kept, page.floor, more=page.more)
        return replace(joined, degraded=page.degraded, eventual=page.eventual, provider=page.provider)


def of_keepers(route: Route) -> Route:
    """Return the route on which those providers alone may answer that keep history.

    Raises:
        Unsupported: there is none in the order.
    """
    keepers = frozenset(link.name for link in route.links if link.provider.keeps_history)
    if not keepers:
        raise Unsupported("keep the history of memories")
    return replace(
        route, in_sync=route.in_sync & keepers, restored=tuple(name for name in route.restored if name in keepers)
    )
