"""The history of one memory: its newest version and those that it has superseded, newest first, page by page."""

from collections.abc import Sequence

from msgspec import Struct

from providers.answer_size import page_within
from providers.answers import Answer, Found
from providers.limits import MAX_VERSION, check_memory_id, check_owner, check_range
from providers.owners import Owner
from providers.types import Snapshot

DEFAULT_HISTORY_LIMIT = 20
MAX_HISTORY_LIMIT = 100


class HistoryQuery(Struct, frozen=True, kw_only=True):
    """Ask for the versions of a memory, those before a version where one is named.

    A page ends early where it would be larger than `most_bytes`, but never without any version.
    """

    owner: Owner
    memory_id: str
    before: int | None = None
    limit: int = DEFAULT_HISTORY_LIMIT
    most_bytes: int | None = None

    def shows(self, version: int) -> bool:
        """Return whether a version stands on this page or behind it."""
        return self.before is None or version < self.before


class HistoryPage(Answer, frozen=True, kw_only=True):
    """The versions, newest first; `newest` is what the memory is now, and the first version of the first page.

    `more` is true if others are behind the last one. `floor` is a version below which none is kept any more.
    """

    newest: Snapshot
    versions: list[Snapshot]
    more: bool
    floor: int = 0


def check_history(query: HistoryQuery) -> str:
    """Refuse a page outside the bounds; return the id of the memory in its canonical form."""
    check_owner(query.owner)
    check_range("limit", query.limit, 1, MAX_HISTORY_LIMIT)
    if query.before is not None:
        check_range("before", query.before, 1, MAX_VERSION)
    return check_memory_id(query.memory_id)


async def history_page(
    query: HistoryQuery, newest: Snapshot, kept: Sequence[Snapshot], floor: int, *, more: bool = False
) -> HistoryPage:
    """Return the page of what is kept beside the newest version, newest first; `more`, if not all of it was read."""
    wanted = [state for state in (newest, *kept) if query.shows(state.version)]
    some = wanted[: query.limit]
    fitting = await page_within(Found(memories=[state.record for state in some]), query.most_bytes)
    shown = some[: len(fitting.memories)]
    return HistoryPage(newest=newest, versions=shown, more=more or len(shown) < len(wanted), floor=floor)
