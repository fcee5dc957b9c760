"""One page of a list: a provider's pages and the overlay, merged in the order of the list."""

from collections.abc import Awaitable, Callable
from heapq import merge

from providers.chain.knowledge import Knowledge
from providers.chain.link import Link
from providers.chain.overlay import Overlay
from providers.chain.policy import OperationClass
from providers.chain.turn import Turn
from providers.limits import MAX_LIST_LIMIT
from providers.types import MemoryRecord, Position

Pages = Callable[[int, int, Position | None], Awaitable[list[MemoryRecord]]]
Living = Callable[[list[MemoryRecord]], Awaitable[list[MemoryRecord]]]
Held = Callable[[MemoryRecord], Awaitable[bool]]


async def pages_over(known: Knowledge, link: Link, user_id: str, turn: Turn) -> Pages:
    """Give the pages of a provider's list, with what it does not know yet laid over."""
    overlay = await known.over(link.name, turn.deadline)

    async def page(limit: int, offset: int, after: Position | None) -> list[MemoryRecord]:
        return await link.call(
            lambda provider: provider.list_memories(user_id, limit, offset, after=after),
            OperationClass.READ,
            turn,
        )

    async def living(records: list[MemoryRecord]) -> list[MemoryRecord]:
        return await known.living(link.name, records, turn.deadline)

    async def held(record: MemoryRecord) -> bool:
        return (
            await link.call(lambda provider: provider.snapshot(user_id, record.id), OperationClass.READ, turn)
        ) is not None

    async def merged(limit: int, offset: int, after: Position | None) -> list[MemoryRecord]:
        return await merged_page(overlay, page, living, held, limit, offset, after)

    return merged


async def merged_page(
    overlay: Overlay, page: Pages, living: Living, held: Held, limit: int, offset: int, after: Position | None
) -> list[MemoryRecord]:
    """Give `limit` memories behind `offset` others, counted from the position on; newest first.

    `page` gives the provider's own: limit, offset, position; `living` leaves out the deleted of whom the overlay does
    not know; `held` tells whether the provider has a memory at all, wherever in the list it stands there. Where the
    overlay holds something, an offset is counted memory by memory from the position on, since only then is it known
    what the overlay adds and takes away before it.
    """
    if not len(overlay):
        return await page(limit, offset, after)
    wanted = offset + limit
    found = await _fetched(overlay, page, living, wanted, after)
    # What nobody could judge may be a repetition of what the provider shows elsewhere, under an earlier moment.
    doubtful = [one for one in overlay.missing(found) if _behind(one, after) and overlay.unjudged(one.id)]
    elsewhere = {record.id for record in doubtful if await held(record)}
    if elsewhere:
        # Once more: it may have come there after the list was read, and then it was on none of the pages.
        found = await _fetched(overlay, page, living, wanted, after)
    missing = [one for one in overlay.missing(found) if _behind(one, after) and one.id not in elsewhere]
    merged = list(merge(found, sorted(missing, key=place_of, reverse=True), key=place_of, reverse=True))
    return merged[offset:wanted]


async def _fetched(
    overlay: Overlay, page: Pages, living: Living, wanted: int, after: Position | None
) -> list[MemoryRecord]:
    """Give what the provider shows behind a position, as much as is `wanted` at the least, without the outdated."""
    found: list[MemoryRecord] = []
    position = after
    while True:
        fetched = await page(MAX_LIST_LIMIT, 0, position)
        found += await living(overlay.without(fetched))
        # Pending ones cannot fill the place of memories of the provider that have not been looked at.
        if len(fetched) < MAX_LIST_LIMIT or len(found) >= wanted:
            return found
        position = Position(fetched[-1].created_at, fetched[-1].id)


def place_of(record: MemoryRecord) -> tuple[object, str]:
    """Where a memory stands in a list: by the moment of creation, then by id."""
    return record.created_at, record.id


def _behind(record: MemoryRecord, after: Position | None) -> bool:
    return after is None or (record.created_at, record.id) < (after.created_at, after.memory_id.lower())
