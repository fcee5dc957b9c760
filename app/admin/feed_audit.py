"""What the audit is told of the feed of all users: one entry for each user whose memories a page showed."""

import time
from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from app.audit.audit import Audit
from app.audit.requests import Ended
from app.http.feed_schemas import OwnersChange
from observability.notes import Deed, Notes

FED = "feed"
_SHOWN = 200  # the status of the answer, which has begun by then


class FeedAudit(Struct, frozen=True):
    """Write down who was told of whose memories, page by page, also of a stream that goes on; `audit` may be off."""

    audit: Audit | None
    notes: Notes
    client: str | None
    route: str
    now: Callable[[], float] = time.time

    def told(self, changes: Sequence[OwnersChange]) -> None:
        """Queue an entry for each user of a page."""
        if self.audit is None:
            return
        by_owner: dict[tuple[str, str], list[str]] = {}
        for change in changes:
            by_owner.setdefault((change.tenant, change.user_id), []).append(change.memory_id)
        for owner, memories in by_owner.items():
            notes = replace(self.notes, owners=[owner], deeds=[Deed(FED, "ok", len(memories))], memories=memories)
            self.audit.append(Ended(self.now(), notes, self.client, "GET", self.route, _SHOWN))
