"""A recall from one provider: its best answers with the overlay applied, as many as are wanted and there are."""

from collections.abc import Awaitable

from msgspec.structs import replace

from providers.answer_size import recall_within
from providers.answers import PARTIAL, Found
from providers.chain.deadline import CallOptions
from providers.chain.link import Link
from providers.chain.pending_view import PendingView
from providers.chain.policy import OperationClass
from providers.limits import MAX_WITHOUT
from providers.types import MemoryRecord, RecallQuery

# Of a user with too many tombstones for the overlay, those that are read at once when copies of deleted memories have
# come back to a provider. The rest of `MAX_WITHOUT` is for copies of still more.
TOMBSTONES_AT_ONCE = 7_500

# Memories that are asked for when an answer was not full, at least; so many are read whatever their size.
ASKED_AGAIN = 100


async def recalled_over(view: PendingView, link: Link, options: CallOptions, query: RecallQuery) -> Found:
    """Return the memories nearest to a query, of those that the provider holds and those that it does not have yet.

    What the overlay hides is left out by the provider itself, so that it cannot take the places of what is shown.

    Raises:
        FarBehind, JournalUnavailable: as `PendingView.overlay_for`.
        Unavailable: the provider does not answer.
    """
    overlay = await view.overlay_for(link.name, options)
    if not len(overlay):
        return await _asked(link, options, query)
    asked = replace(query, without=overlay.hidden, pending=overlay.pending)
    found, shown = await _shown(view, link, options, asked, query.limit)
    there = {record.id for record in shown} - (found.pending or frozenset())
    memories = await overlay.recalled(query, shown) if found.pending is None else shown[: query.limit]
    recalled = replace(found, memories=memories, pending=None)
    return await recall_within(overlay.marked(recalled, there), query.most_bytes)


async def _shown(
    view: PendingView, link: Link, options: CallOptions, query: RecallQuery, wanted: int
) -> tuple[Found, list[MemoryRecord]]:
    """Return the provider's last answer, and the memories in it that were not deleted: `wanted` if there are so many.

    The overlay has the newest tombstones alone. What is asked again is asked without a bound in bytes, since only the
    first of it will be shown; but not if more than `ASKED_AGAIN` are wanted. The answer is `partial` if more memories
    than one query can leave out would have to be, and fewer than wanted are left.
    """
    tombstones: frozenset[str] | None = None
    while True:
        found = await _asked(link, options, query)
        shown = await view.without_deleted(link.name, found.memories, options.deadline)
        if len(shown) >= wanted or len(found.memories) < query.limit:
            return found, shown
        if tombstones is None:
            tombstones = await view.tombstones(link.name, TOMBSTONES_AT_ONCE, options.deadline)
        without = query.without | tombstones | {record.id for record in found.memories} - {one.id for one in shown}
        if len(without) > MAX_WITHOUT:
            return replace(found, degraded=(*found.degraded, PARTIAL)), shown
        most_bytes = query.most_bytes if wanted > ASKED_AGAIN else None
        query = replace(query, without=without, limit=max(ASKED_AGAIN, wanted), most_bytes=most_bytes)


def _asked(link: Link, options: CallOptions, query: RecallQuery) -> Awaitable[Found]:
    return link.call(lambda provider: provider.find(query), OperationClass.RECALL, options, owner=query.owner)
