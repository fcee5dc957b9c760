"""The schemas of a feed of changes."""

from datetime import UTC, datetime
from typing import Literal

from msgspec import Struct

from app.http.answers import shown
from app.http.cursors import Cursors
from app.http.feed_cursors import feed_cursor
from providers.expiry import has_expired
from providers.feed import FeedPage
from providers.owners import DEFAULT_TENANT, Owner
from providers.provenance.quarantines import Quarantines
from providers.states.editing import was_edited
from providers.types import MemoryRecord, Snapshot


class MemoryChange(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One memory as it is now: put for the first time, changed since, or, without text, deleted or expired."""

    change: Literal["put", "changed", "deleted", "expired"]
    memory_id: str
    memory: MemoryRecord | None = None


class OwnersChange(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One memory of any user as it is now, as of `MemoryChange`; no `tenant` is the default one.

    One that is in the `quarantine` with this id is told without its text, since no reader sees it.
    """

    change: Literal["put", "changed", "deleted", "expired", "quarantined"]
    tenant: str = DEFAULT_TENANT
    user_id: str
    memory_id: str
    memory: MemoryRecord | None = None
    quarantine: str | None = None


class QuarantinesInForce(Struct, frozen=True):
    """The ids of the quarantines that are in force: each hides, and shows again what it hid once it is lifted."""

    quarantines: list[str]


class AdminChangesResponse(Struct, frozen=True):
    """What changed, oldest change first; `next` goes on behind it, and `more` is true if others follow at once.

    There may be fewer changes than `limit`, or none, while `more` is true: those that the key may not see are left out.
    `quarantines` are the ids of those in force. Where they are others than before, memories are hidden, or shown again,
    that no change tells of.
    """

    changes: list[OwnersChange]
    next: str
    more: bool
    quarantines: list[str]


class ChangesResponse(Struct, frozen=True):
    """What changed, oldest change first; `next` goes on behind it, and `more` is true if others follow at once."""

    changes: list[MemoryChange]
    next: str
    more: bool


def changes_response(cursors: Cursors, owner: Owner, page: FeedPage) -> ChangesResponse:
    """Return a page as a client sees it."""
    following = feed_cursor(cursors, owner, page.provider or "", page.position)
    return ChangesResponse([memory_change(change.state) for change in page.changes], following, page.more)


def memory_change(state: Snapshot) -> MemoryChange:
    """Return the change that led to a state, as a client sees it."""
    if state.deleted:
        return MemoryChange(change="deleted", memory_id=state.id)
    if has_expired(state, datetime.now(UTC)):
        return MemoryChange(change="expired", memory_id=state.id)
    kind: Literal["put", "changed"] = "changed" if was_edited(state) else "put"
    return MemoryChange(change=kind, memory_id=state.id, memory=shown(state.record))


def owners_change(state: Snapshot, quarantines: Quarantines) -> OwnersChange:
    """Return the change that led to a state, as an operator sees it, without the text of what is in quarantine."""
    told, owner = memory_change(state), Owner.of_key(state.user_id)
    if told.memory is not None and (hiding := quarantines.hiding(owner, state.source)) is not None:
        return OwnersChange(
            change="quarantined",
            tenant=owner.tenant,
            user_id=owner.user,
            memory_id=told.memory_id,
            quarantine=hiding.id,
        )
    return OwnersChange(
        change=told.change, tenant=owner.tenant, user_id=owner.user, memory_id=told.memory_id, memory=told.memory
    )
