"""One page of a list: the pages of a provider merged with the overlay, in the order of the list."""

from collections.abc import Awaitable, Callable
from heapq import merge

from msgspec.structs import replace

from providers.answer_size import page_within, size_of
from providers.answers import Found
from providers.chain.deadline import CallOptions
from providers.chain.link import Link
from providers.chain.overlay import Overlay
from providers.chain.pending_view import PendingView
from providers.chain.policy import OperationClass
from providers.limits import MAX_LIST_LIMIT
from providers.positions import Place
from providers.types import MemoryRecord, PageQuery

Pages = Callable[[PageQuery], Awaitable[Found]]
WithoutDeleted = Callable[[list[MemoryRecord]], Awaitable[list[MemoryRecord]]]
Holds = Callable[[MemoryRecord], Awaitable[bool]]


async def pages_over(view: PendingView, link: Link, options: CallOptions) -> Pages:
    """Return the pages of a provider's list with the overlay applied."""
    overlay = await view.overlay_for(link.name, options)

    def page(query: PageQuery) -> Awaitable[Found]:
        return link.call(lambda provider: provider.page(query), OperationClass.READ, options, owner=query.owner)

    def without_deleted(records: list[MemoryRecord]) -> Awaitable[list[MemoryRecord]]:
        return view.without_deleted(link.name, records, options.deadline)

    async def holds(record: MemoryRecord) -> bool:
        owner = view.owner
        state = await link.call(
            lambda provider: provider.snapshot(owner, record.id), OperationClass.READ, options, owner=owner
        )
        return state is not None

    return page if not len(overlay) else lambda query: merged_page(overlay, page, without_deleted, holds, query)


async def merged_page(
    overlay: Overlay, page: Pages, without_deleted: WithoutDeleted, holds: Holds, query: PageQuery
) -> Found:
    """Return `limit` memories after skipping `offset`, counted from the position on, in the order of the query.

    `page` reads the provider's own pages; `without_deleted` drops deleted memories that the overlay does not know;
    `holds` returns whether the provider holds a memory at all, wherever in its list. An offset is counted memory by
    memory from the position on, because only then is it known what the overlay adds and removes before it. Neither
    more memories are read than the page has bytes for, nor are the contents kept of those that are passed over.
    """
    wanted = query.offset + query.limit
    found = await _fetched(overlay, page, without_deleted, query, wanted)
    # An unverified write may repeat a memory that the provider lists elsewhere, under an earlier moment.
    added = _additions(overlay, found, query)
    elsewhere = {record.id for record in added if overlay.unverified(record.id) and await holds(record)}
    if elsewhere:
        # Once more: the memory may have arrived after the list was read, and then it was on none of the pages.
        found = await _fetched(overlay, page, without_deleted, query, wanted)
    added = [record for record in _additions(overlay, found, query) if record.id not in elsewhere]
    newest_first = query.order == "newest"
    added.sort(key=list_position, reverse=newest_first)
    merged = list(merge(found.memories, added, key=list_position, reverse=newest_first))
    total = await _total(overlay, page, query) if query.total else None
    shown = overlay.marked(
        replace(found, memories=merged[query.offset : wanted], total=total), {record.id for record in found.memories}
    )
    return await page_within(shown, query.most_bytes)


async def _total(overlay: Overlay, page: Pages, query: PageQuery) -> int:
    """Return how many memories meet the conditions: those of the provider that the overlay has not, and its own."""
    known = overlay.ids
    counted = replace(query, limit=1, offset=0, after=None, provider=None, without=query.without | known)
    theirs = (await page(counted)).total or 0
    return theirs + sum(map(query.admits, overlay.additions(())))


async def _fetched(
    overlay: Overlay, page: Pages, without_deleted: WithoutDeleted, query: PageQuery, wanted: int
) -> Found:
    """Return at least `wanted` memories that the provider lists behind a position, without outdated ones.

    The answer is `cut` if there are fewer because those behind the offset are more than `most_bytes`.
    """
    found: list[MemoryRecord] = []
    degraded: list[str] = []
    passed_over = query.offset - len(overlay)  # of what is found, these stand before the page, whatever is added
    size = 0
    step = replace(query, limit=MAX_LIST_LIMIT, offset=0, total=False)
    while True:
        fetched = await page(step)
        records = await without_deleted(overlay.without(fetched.memories))
        behind_offset = records[max(0, query.offset - len(found)) :]
        found += [without_content(one) if place < passed_over else one for place, one in enumerate(records, len(found))]
        degraded += [reason for reason in fetched.degraded if reason not in degraded]
        # Pending memories must not take the places of the provider's memories on pages that have not been read.
        whole = (len(fetched.memories) < MAX_LIST_LIMIT and not fetched.cut) or len(found) >= wanted
        if whole:
            return replace(fetched, memories=found, degraded=tuple(degraded), cut=False)
        if query.most_bytes is not None:
            size += await size_of(behind_offset)
            if size > query.most_bytes:
                return replace(fetched, memories=found, degraded=tuple(degraded), cut=True)
        step = replace(step, after=fetched.memories[-1].position)


def _additions(overlay: Overlay, found: Found, query: PageQuery) -> list[MemoryRecord]:
    """Return what the overlay adds behind a position, and before the end of what was read."""
    added = [record for record in overlay.additions(found.memories) if query.shows(record)]
    end = found.memories[-1].position if found.cut else None
    return [record for record in added if end is None or not end.is_before(record, query.order)]


def without_content(record: MemoryRecord) -> MemoryRecord:
    """Return a memory that holds its place alone."""
    return replace(record, content="", metadata=None)


def list_position(record: MemoryRecord) -> Place:
    """Return what orders a memory in a list."""
    return record.place
