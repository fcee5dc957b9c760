"""The feed of one owner's memories: what was put, changed and deleted, in the order of the changes, page by page.

It tells the latest state of each memory and not every step: a memory that changed twice between two pages is told once,
and one that was deleted as deleted. A change may be told twice, and none is left out.
"""

from collections.abc import Sequence

from msgspec import Struct

from providers.answer_size import page_within
from providers.answers import Answer, Found
from providers.limits import MAX_LIST_LIMIT, check_owner, check_range, check_uuid
from providers.owners import Owner
from providers.types import Snapshot

DEFAULT_FEED_LIMIT = 100
MAX_FEED_LIMIT = MAX_LIST_LIMIT  # of the longest memories, these fit into one answer
MAX_FEED_NUMBER = 2**63 - 1  # 64 signed bits
ANOTHER_HISTORY = (
    "the cursor is of another history of the store, which was restored, replaced or restarted, or the user was erased"
)
NO_MEMORY = "00000000-0000-0000-0000-000000000000"  # before every id


class FeedPosition(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A place in a feed: behind the change with this number to this memory.

    `epoch` names one history of the store: it is another one when the store was put back, restored or replaced, and
    where a store cannot tell that from a restart, when it was restarted. `number` orders the changes of an epoch; those
    with the same number are ordered by the ids of their memories.
    """

    epoch: str
    number: int
    memory_id: str = NO_MEMORY


class FeedQuery(Struct, frozen=True, kw_only=True):
    """Ask for the changes behind a position; without one from the beginning, or from `now` on.

    `provider` is the one that gave the position. A page ends early where it would be larger than `most_bytes`.
    """

    owner: Owner
    after: FeedPosition | None = None
    provider: str | None = None
    now: bool = False
    limit: int = DEFAULT_FEED_LIMIT
    most_bytes: int | None = None


class FeedChange(Struct, frozen=True):
    """The latest state of a memory, or its tombstone, and the position behind it."""

    state: Snapshot
    position: FeedPosition


class FeedPage(Answer, frozen=True, kw_only=True):
    """The next changes, and the position behind the last of them; `more` is true if others follow at once."""

    changes: list[FeedChange]
    position: FeedPosition
    more: bool


def check_feed(query: FeedQuery) -> None:
    """Refuse a page outside the bounds of a feed, or behind an impossible position."""
    check_owner(query.owner)
    check_range("limit", query.limit, 1, MAX_FEED_LIMIT)
    if query.after is not None:
        check_range("after", query.after.number, 0, MAX_FEED_NUMBER)
        check_uuid("after", query.after.memory_id)


async def feed_page(query: FeedQuery, changes: Sequence[FeedChange], end: FeedPosition) -> FeedPage:
    """Return the page of what was found behind a position: up to one change more than is asked for, to see if there is.

    `end` is the position behind all that there is.
    """
    kept = changes[: query.limit]
    living = [place for place, change in enumerate(kept) if not change.state.deleted]
    found = Found(memories=[kept[place].state.record for place in living])
    fitting = len((await page_within(found, query.most_bytes)).memories)
    if fitting < len(living):
        kept = kept[: living[fitting]]
    more = len(kept) < len(changes)
    return FeedPage(changes=[*kept], position=kept[-1].position if more else end, more=more)
