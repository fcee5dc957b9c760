"""The way of every read: what the journal knows, then the first provider that answers, then both merged."""

from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from providers import limits
from providers.answers import Answer, Fetched, Found
from providers.chain.context import ChainContext
from providers.chain.deadline import Deadline
from providers.chain.execution import JOURNAL, Execution
from providers.chain.fallback import Fallback
from providers.chain.link import Link
from providers.chain.listing import pages_over
from providers.chain.overlay import is_first
from providers.chain.pending_view import PendingView
from providers.chain.policy import OperationClass
from providers.chain.route import Route
from providers.chain.turn import Turn
from providers.errors import CursorLost, MemoryNotFound, Unavailable
from providers.journal.base import JournalUnavailable
from providers.journal.operations import JournalEntry
from providers.limits import MAX_LIST_LIMIT, MAX_RECALL_LIMIT
from providers.types import MemoryRecord, Owner, PageQuery, RecallQuery, Snapshot


class ChainReader:
    """Reads of a chain; each takes the route as it stands at its beginning."""

    def __init__(self, context: ChainContext) -> None:
        self._context = context
        self._fallback = Fallback(context)

    async def find(self, route: Route, query: RecallQuery, end: Deadline | None = None) -> Found:
        """Return the memories nearest to a question, before the `end` of what it is a part of; see `MemoryStore`."""
        limits.check_recall(query)
        with self._context.begin(route, OperationClass.RECALL) as execution:
            if end is not None:
                execution.deadline = execution.deadline.earlier(end.remaining())
            view = await self._view(query.owner, execution)

            async def ask(link: Link, turn: Turn) -> Found:
                overlay = await view.over(link.name, turn.deadline)
                # As many more as the overlay may take away.
                wider = (
                    replace(query, limit=min(query.limit + len(overlay), MAX_RECALL_LIMIT)) if len(overlay) else query
                )
                found = await link.call(lambda provider: provider.find(wider), OperationClass.RECALL, turn)
                if not len(overlay):
                    return found
                living = await view.living(link.name, found.memories, turn.deadline)
                return replace(found, memories=overlay.recalled(query, living))

            return await self._found(view, execution, OperationClass.RECALL, ask)

    async def page(self, route: Route, query: PageQuery) -> Found:
        """List memories from newest to oldest; see `MemoryStore`."""
        limits.check_page(query)
        goes_on_with = None if query.after is None else query.provider
        if goes_on_with is not None:
            route = route.only(goes_on_with)
        with self._context.begin(route, OperationClass.READ) as execution:
            view = await self._view(query.owner, execution)

            async def ask(link: Link, turn: Turn) -> Found:
                return await (await pages_over(view, link, turn))(query)

            try:
                return await self._found(view, execution, OperationClass.READ, ask)
            except JournalUnavailable:
                raise
            except Unavailable as error:
                if goes_on_with is None:
                    raise
                raise CursorLost(goes_on_with) from error

    async def everything(
        self, execution: Execution, owner: Owner, limit: int, deadline: Deadline
    ) -> list[MemoryRecord]:
        """Return up to `limit` of an owner's memories, however many pages that takes, the newest first.

        Raises:
            JournalUnavailable: it cannot be asked.
        """
        view = await self._view(owner, execution)
        if view.lost is not None:
            raise view.lost

        async def ask(link: Link, turn: Turn) -> Found:
            pages = await pages_over(view, link, turn)
            found: list[MemoryRecord] = []
            query = PageQuery(owner=owner, limit=MAX_LIST_LIMIT)
            while True:
                page = await pages(query)
                found += page.memories
                if len(page.memories) < MAX_LIST_LIMIT or len(found) >= limit:
                    return replace(page, memories=found[:limit])
                query = replace(query, after=page.memories[-1].position)

        return (await self._fallback.first(execution, OperationClass.READ, ask, deadline=deadline)).memories

    async def fetch(self, route: Route, owner: Owner, memory_id: str) -> Fetched:
        """Return one memory; see `MemoryStore`."""
        limits.check_owner(owner)
        memory_id = limits.check_memory_id(memory_id)
        with self._context.begin(route, OperationClass.READ) as execution:
            view = PendingView(self._context, owner, execution)
            entry = await view.entry(memory_id)

            async def ask(link: Link, turn: Turn) -> Fetched:
                if entry is not None and (entry.state.deleted or (link.name in entry.pending and not is_first(entry))):
                    return _from_journal(entry)
                try:
                    return await link.call(lambda provider: provider.fetch(owner, memory_id), OperationClass.READ, turn)
                except MemoryNotFound:
                    if entry is None or link.name not in entry.pending:
                        raise
                    return _from_journal(entry)

            try:
                try:
                    fetched = await self._fallback.first(execution, OperationClass.READ, ask, view.route)
                except MemoryNotFound:
                    if view.lost is None:
                        raise
                    # Not found is no answer without the journal, which has the rest of the time to say something.
                    entry = await view.entry_again(memory_id)
                    fetched = await self._fallback.first(execution, OperationClass.READ, ask)
            except Unavailable as error:
                if entry is None:
                    raise
                execution.degrade(f"home_{error.outcome}")
                execution.answered(JOURNAL)
                fetched = _from_journal(entry)
            return replace(fetched, **execution.facts)

    async def entry(self, owner: Owner, memory_id: str, deadline: Deadline) -> JournalEntry | None:
        """Return what the journal knows of a memory, None if it knows nothing (any more).

        Raises:
            JournalUnavailable: it cannot be asked.
        """
        return await self._context.journal(lambda journal: journal.newest(owner, memory_id), deadline.remaining())

    async def snapshot(
        self, execution: Execution, owner: Owner, memory_id: str, deadline: Deadline | None = None
    ) -> Snapshot | None:
        """Return the state of a memory, or its tombstone, of which the journal knows nothing."""
        _, state = await self.witnessed(execution, owner, memory_id, deadline)
        return state

    async def witnessed(
        self, execution: Execution, owner: Owner, memory_id: str, deadline: Deadline | None = None
    ) -> tuple[Link, Snapshot | None]:
        """As above, with whose word it is."""

        async def ask(link: Link, turn: Turn) -> tuple[Link, Snapshot | None]:
            return link, await link.call(
                lambda provider: provider.snapshot(owner, memory_id), OperationClass.READ, turn
            )

        return await self._fallback.first(execution, OperationClass.READ, ask, deadline=deadline)

    async def _found(
        self,
        view: PendingView,
        execution: Execution,
        operation: OperationClass,
        ask: Callable[[Link, Turn], Awaitable[Found]],
    ) -> Found:
        """Return what the first has found; nothing found is no answer while the journal might know of something."""
        found = await self._fallback.first(execution, operation, ask, view.route)
        if not found.memories and view.lost is not None:
            await view.again()
            found = await self._fallback.first(execution, operation, ask)
        return replace(found, **execution.facts)

    async def _view(self, owner: Owner, execution: Execution) -> PendingView:
        view = PendingView(self._context, owner, execution)
        await view.begin()
        return view


def _widened(query: RecallQuery, more: int) -> RecallQuery:
    return replace(query, limit=min(query.limit + more, MAX_RECALL_LIMIT)) if more else query


def _from_journal(entry: JournalEntry) -> Fetched:
    if entry.state.deleted:
        error = MemoryNotFound(entry.state.id)
        error.answer = Answer(provider=JOURNAL)
        raise error
    return Fetched(memory=entry.state.record, provider=JOURNAL)
