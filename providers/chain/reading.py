"""The read path: what the journal knows, then the first provider that answers, then both merged."""

from collections.abc import Awaitable, Sequence
from functools import reduce
from typing import TypeVar

from msgspec.structs import replace

from providers import limits
from providers.answers import Fetched, Found
from providers.asking import as_of
from providers.chain.context import ChainContext
from providers.chain.deadline import CallOptions, Deadline
from providers.chain.errors import Contradicted, list_of_nobody
from providers.chain.execution import JOURNAL, Execution
from providers.chain.fallback import Fallback
from providers.chain.fetching import Fetching, from_journal
from providers.chain.hedging.order import Hedging
from providers.chain.hedging.reading import AskLink
from providers.chain.link import Link
from providers.chain.listing import pages_over, without_content
from providers.chain.pending_view import PendingView
from providers.chain.policy import OperationClass
from providers.chain.recalling import recalled_over
from providers.chain.route import Route
from providers.chain.superseding import one_of_each_key
from providers.errors import CursorLost, MemoryNotFound, Unavailable
from providers.expiry import BEGINNING
from providers.journal.base import JournalUnavailable
from providers.journal.operations import JournalEntry
from providers.limits import MAX_LIST_LIMIT
from providers.owners import Owner
from providers.states.clock import HybridClock
from providers.states.merging import merged
from providers.types import MemoryRecord, PageQuery, RecallQuery, Snapshot

Answer = TypeVar("Answer")


class ChainReader:
    """Answer reads; each uses the route that is in force when it begins."""

    def __init__(self, context: ChainContext, hedging: Hedging, clock: HybridClock) -> None:
        self._context = context
        self._clock = clock
        self._fallback = Fallback(context, hedging)

    async def find(self, route: Route, query: RecallQuery, end: Deadline | None = None) -> Found:
        """Return the memories nearest to a query, before the `end` of the batch that holds it; see `MemoryStore`."""
        limits.check_recall(query)
        query = as_of(query, self._clock.moment())
        with self._context.begin(route, OperationClass.RECALL) as execution:
            if end is not None:
                execution.deadline = execution.deadline.earlier(end.remaining())
            view = await self._view(query.owner, execution)

            def ask(link: Link, options: CallOptions) -> Awaitable[Found]:
                return recalled_over(view, link, options, query)

            return one_of_each_key(await self._found(view, execution, OperationClass.RECALL, ask))

    async def page(self, route: Route, query: PageQuery) -> Found:
        """List memories from newest to oldest; see `MemoryStore`."""
        limits.check_page(query)
        query = as_of(query, self._clock.moment())
        goes_on_with = None if query.after is None else query.provider
        if goes_on_with is not None:
            if route.link(goes_on_with) is None:
                raise list_of_nobody(goes_on_with)
            route = route.only(goes_on_with)
        with self._context.begin(route, OperationClass.READ) as execution:
            if query.key is not None:  # who puts under a key that it cannot look for needs the other half
                execution.deadline = execution.deadline.earlier(execution.deadline.remaining() / 2)
            view = await self._view(query.owner, execution)
            view.superseded = query.key is not None

            async def ask(link: Link, options: CallOptions) -> Found:
                return await (await pages_over(view, link, options))(query)

            try:
                # A page that continues a list is to come from the provider that began it.
                found = await self._found(view, execution, OperationClass.READ, ask, hedged=query.after is None)
                return found if view.superseded else one_of_each_key(found)
            except JournalUnavailable:
                raise
            except Unavailable as error:
                if query.key is not None:
                    await view.begin_alone()
                    if pending := list(filter(query.admits, view.keyed(query.key))):
                        # What the journal has under a key is newer than what the providers have.
                        execution.degrade(f"home_{error.outcome}")
                        execution.answered(JOURNAL)
                        return replace(Found(memories=pending), **execution.facts)
                if goes_on_with is None:
                    raise
                raise CursorLost(goes_on_with) from error

    async def all_memories(
        self, execution: Execution, chosen: PageQuery, limit: int, deadline: Deadline
    ) -> list[MemoryRecord]:
        """Return up to `limit` of the memories in a list, over as many pages as that takes.

        They have no contents, of which a thousand may be too much to hold.

        Raises:
            JournalUnavailable: the journal does not answer.
        """
        view = await self._view(chosen.owner, execution, deadline)
        view.whole = view.superseded = True
        if view.journal_error is not None:
            raise view.journal_error

        async def ask(link: Link, options: CallOptions) -> Found:
            pages = await pages_over(view, link, options)
            found: list[MemoryRecord] = []
            query = replace(chosen, limit=MAX_LIST_LIMIT)
            while True:
                page = await pages(query)
                found += map(without_content, page.memories)
                if len(page.memories) < MAX_LIST_LIMIT or len(found) >= limit:
                    return replace(page, memories=found[:limit])
                query = replace(query, after=page.memories[-1].position)

        # Many pages take long wherever they come from.
        found = await self._fallback.first(execution, OperationClass.READ, ask, deadline=deadline, hedged=False)
        return found.memories

    async def fetch(self, route: Route, owner: Owner, memory_id: str) -> Fetched:
        """Return one memory; see `MemoryStore`."""
        limits.check_owner(owner)
        memory_id = limits.check_memory_id(memory_id)
        now = self._clock.moment()
        with self._context.begin(route, OperationClass.READ) as execution:
            view = PendingView(self._context, owner, execution)
            entry = await view.entry(memory_id)

            def ask(link: Link, options: CallOptions) -> Awaitable[Fetched]:
                return Fetching(self._context, view, memory_id, entry, now).fetched_from(link, options)

            try:
                try:
                    fetched = await self._fallback.first(execution, OperationClass.READ, ask, view.route)
                except MemoryNotFound:
                    if view.journal_error is None:
                        raise
                    # "Not found" is no answer without the journal, which therefore gets the rest of the time.
                    entry = await view.retry_entry(memory_id)
                    fetched = await self._fallback.first(execution, OperationClass.READ, ask)
            except Unavailable as error:
                if entry is None:
                    raise
                execution.degrade(f"home_{error.outcome}")
                execution.answered(JOURNAL)
                fetched = from_journal(entry, now)
                execution.answered(JOURNAL, fetched.degraded, eventual=fetched.eventual)
            if fetched.memory.key is not None and await self._is_superseded(view, execution, fetched.memory):
                raise MemoryNotFound(memory_id)
            return replace(fetched, **execution.facts)

    def first(self, execution: Execution, ask: AskLink[Answer], deadline: Deadline) -> Awaitable[Answer]:
        """Return what the first provider answers that does."""
        return self._fallback.first(execution, OperationClass.READ, ask, deadline=deadline)

    async def of_key(self, execution: Execution, owner: Owner, key: str, deadline: Deadline) -> list[MemoryRecord]:
        """Return all memories of a key that are not deleted, those that have expired included.

        Raises:
            Unavailable: it is unknown which there are.
        """
        query = PageQuery(owner=owner, key=key, now=BEGINNING)
        return await self.all_memories(execution, query, MAX_LIST_LIMIT, deadline)

    async def entry(self, owner: Owner, memory_id: str, deadline: Deadline) -> JournalEntry | None:
        """Return what the journal knows of a memory, None if it knows nothing (any more).

        Raises:
            JournalUnavailable: the journal does not answer.
        """
        return await self._context.journal(lambda journal: journal.newest(owner, memory_id), deadline.remaining())

    async def entries(self, owner: Owner, memory_ids: Sequence[str], deadline: Deadline) -> dict[str, JournalEntry]:
        """Return what the journal knows of some memories by their ids; errors as of `entry`."""
        return await self._context.journal(lambda journal: journal.newest_of(owner, memory_ids), deadline.remaining())

    async def heads(
        self, execution: Execution, owner: Owner, memory_ids: Sequence[str], deadline: Deadline
    ) -> dict[str, Snapshot]:
        """Return the states of memories of which the journal knows nothing, as one provider has them.

        Raises:
            Unavailable: no provider answers.
        """

        def ask(link: Link, options: CallOptions) -> Awaitable[dict[str, Snapshot]]:
            size = len(memory_ids)
            return link.call(lambda store: store.heads(owner, memory_ids), OperationClass.READ, options, size=size)

        return await self.first(execution, ask, deadline)

    async def snapshot(
        self,
        execution: Execution,
        owner: Owner,
        memory_id: str,
        deadline: Deadline | None = None,
        known: JournalEntry | None = None,
    ) -> tuple[Link, Snapshot | None]:
        """Return the state of a memory, or its tombstone, with its provider; the journal knows nothing that is certain.

        Where it has `known` a write confirmed, a provider that holds nothing is not believed until all say the same.

        Raises:
            Unavailable: no provider answers; or all were rolled back, and one that may have what others lost does not.
        """
        if execution.route.is_restored:
            return await self._snapshot_of_all(execution, owner, memory_id, deadline or execution.deadline)
        contradicting: set[str] = set()

        async def ask(link: Link, options: CallOptions) -> tuple[Link, Snapshot | None]:
            held = await link.call(
                lambda store: store.snapshot(owner, memory_id), OperationClass.READ, options, owner=owner
            )
            if held is not None or known is None or link.name in known.pending:
                return link, held
            if await self._is_erased(link, known, options.deadline):
                return link, None
            if link.name not in contradicting:
                contradicting.add(link.name)
                self._context.observer.contradicted(link.name)
            if contradicting < {reader.name for reader in execution.route.verified.readers}:
                raise Contradicted(f"{link.name} lacks a memory that it confirmed")
            return link, None

        return await self._fallback.first(execution, OperationClass.READ, ask, deadline=deadline)

    async def _is_erased(self, link: Link, known: JournalEntry, deadline: Deadline) -> bool:
        """Return whether an erasure is about to remove a memory, or has removed it from the journal meanwhile."""
        state = known.state
        return link.has_erased(state) or await self.entry(state.owner, state.id, deadline) is None

    async def _snapshot_of_all(
        self, execution: Execution, owner: Owner, memory_id: str, deadline: Deadline
    ) -> tuple[Link, Snapshot | None]:
        """Return the merge of what all hold of a memory: each of them may have what the others lost.

        A change of an older state would undo what it does not know.
        """
        route = execution.route
        for name in route.silent:
            raise Unavailable(f"{name} may hold what was lost, and does not answer")

        links = [link for link in route.links if link.name in route.holders]
        options = CallOptions(deadline)
        held = [
            await link.call(lambda store: store.snapshot(owner, memory_id), OperationClass.READ, options, owner=owner)
            for link in links
        ]
        states = [state for state in held if state is not None]
        [home] = route.readers
        execution.answered(home.name)
        return home, reduce(merged, states) if states else None

    async def _is_superseded(self, view: PendingView, execution: Execution, memory: MemoryRecord) -> bool:
        """Return whether a write that the provider of a memory has not taken yet names another one by its key."""
        overlay = await view.overlay_for(
            execution.provider or JOURNAL, CallOptions(execution.deadline, last_resort=True)
        )
        return overlay.supersedes(memory)

    async def _found(
        self,
        view: PendingView,
        execution: Execution,
        operation: OperationClass,
        ask: AskLink[Found],
        *,
        hedged: bool = True,
    ) -> Found:
        """Return the first answer; an empty one does not count while the journal might know a memory."""
        found = await self._fallback.first(execution, operation, ask, view.route, hedged=hedged)
        if not found.memories and view.journal_error is not None:
            await view.retry()
            found = await self._fallback.first(execution, operation, ask, hedged=hedged)
        return replace(found, **execution.facts)

    async def _view(self, owner: Owner, execution: Execution, deadline: Deadline | None = None) -> PendingView:
        view = PendingView(self._context, owner, execution)
        await view.begin(deadline or execution.deadline)
        return view
