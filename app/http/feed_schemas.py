"""The schemas of a feed of changes."""

from datetime import UTC, datetime
from typing import Literal

from msgspec import Struct

from app.http.answers import shown
from app.http.feed_cursors import feed_cursor
from providers.expiry import has_expired
from providers.feed import FeedChange, FeedPage
from providers.owners import Owner
from providers.states.editing import was_edited
from providers.types import MemoryRecord


class MemoryChange(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One memory as it is now: put for the first time, changed since, or, without text, deleted or expired."""

    change: Literal["put", "changed", "deleted", "expired"]
    memory_id: str
    memory: MemoryRecord | None = None


class ChangesResponse(Struct, frozen=True):
    """What changed, oldest change first; `next` goes on behind it, and `more` is true if others follow at once."""

    changes: list[MemoryChange]
    next: str
    more: bool


def changes_response(owner: Owner, page: FeedPage) -> ChangesResponse:
    """Return a page as a client sees it."""
    following = feed_cursor(owner, page.provider or "", page.position)
    return ChangesResponse([memory_change(change) for change in page.changes], following, page.more)


def memory_change(change: FeedChange) -> MemoryChange:
    """Return a change as a client sees it."""
    state = change.state
    if state.deleted:
        return MemoryChange(change="deleted", memory_id=state.id)
    if has_expired(state, datetime.now(UTC)):
        return MemoryChange(change="expired", memory_id=state.id)
    kind: Literal["put", "changed"] = "changed" if was_edited(state) else "put"
    return MemoryChange(change=kind, memory_id=state.id, memory=shown(state.record))
