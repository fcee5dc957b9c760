"""One page of a list: a provider's pages and the overlay, merged in the order of the list."""

from collections.abc import Awaitable, Callable
from heapq import merge

from msgspec.structs import replace

from providers.answers import Found
from providers.chain.link import Link
from providers.chain.overlay import Overlay
from providers.chain.pending_view import PendingView
from providers.chain.policy import OperationClass
from providers.chain.turn import Turn
from providers.limits import MAX_LIST_LIMIT
from providers.types import MemoryRecord, PageQuery, Position

Pages = Callable[[PageQuery], Awaitable[Found]]
Living = Callable[[list[MemoryRecord]], Awaitable[list[MemoryRecord]]]
Held = Callable[[MemoryRecord], Awaitable[bool]]


async def pages_over(view: PendingView, link: Link, turn: Turn) -> Pages:
    """Return the pages of a provider's list, with what it does not know yet laid over."""
    overlay = await view.over(link.name, turn.deadline)

    def page(query: PageQuery) -> Awaitable[Found]:
        return link.call(lambda provider: provider.page(query), OperationClass.READ, turn)

    def living(records: list[MemoryRecord]) -> Awaitable[list[MemoryRecord]]:
        return view.living(link.name, records, turn.deadline)

    async def held(record: MemoryRecord) -> bool:
        owner = view.owner
        state = await link.call(lambda provider: provider.snapshot(owner, record.id), OperationClass.READ, turn)
        return state is not None

    return page if not len(overlay) else lambda query: merged_page(overlay, page, living, held, query)


async def merged_page(overlay: Overlay, page: Pages, living: Living, held: Held, query: PageQuery) -> Found:
    """Return `limit` memories behind `offset` others, counted from the position on; newest first.

    `page` reads the provider's own; `living` leaves out the deleted that the overlay does not know of; `held` finds out
    whether the provider has a memory at all, wherever in the list it stands there. An offset is counted memory by
    memory from the position on, since only then is it known what the overlay adds and takes away before it.
    """
    wanted = query.offset + query.limit
    found = await _fetched(overlay, page, living, query, wanted)
    # What nobody could judge may be a repetition of what the provider shows elsewhere, under an earlier moment.
    missing = _missing(overlay, found, query)
    elsewhere = {record.id for record in missing if overlay.unjudged(record.id) and await held(record)}
    if elsewhere:
        # Once more: it may have come there after the list was read, and then it was on none of the pages.
        found = await _fetched(overlay, page, living, query, wanted)
    missing = [record for record in _missing(overlay, found, query) if record.id not in elsewhere]
    merged = list(merge(found.memories, sorted(missing, key=place_of, reverse=True), key=place_of, reverse=True))
    return replace(found, memories=merged[query.offset : wanted])


async def _fetched(overlay: Overlay, page: Pages, living: Living, query: PageQuery, wanted: int) -> Found:
    """Return what the provider shows behind a position, at least as much as is `wanted`, without the outdated."""
    found: list[MemoryRecord] = []
    step = replace(query, limit=MAX_LIST_LIMIT, offset=0)
    while True:
        fetched = await page(step)
        found += await living(overlay.without(fetched.memories))
        # Pending ones cannot fill the place of memories of the provider that have not been looked at.
        if len(fetched.memories) < MAX_LIST_LIMIT or len(found) >= wanted:
            return replace(fetched, memories=found)
        step = replace(step, after=fetched.memories[-1].position)


def _missing(overlay: Overlay, found: Found, query: PageQuery) -> list[MemoryRecord]:
    return [record for record in overlay.missing(found.memories) if _behind(record, query.after)]


def place_of(record: MemoryRecord) -> tuple[object, str]:
    """Return where a memory stands in a list: by the moment of creation, then by id."""
    return record.created_at, record.id


def _behind(record: MemoryRecord, after: Position | None) -> bool:
    return after is None or (record.created_at, record.id) < (after.created_at, after.memory_id.lower())
