"""The feed of all users' memories for operators, from the journal."""

import asyncio
import time
from collections.abc import Callable

from msgspec import Struct

from app.auth.caller import Identity
from app.auth.refusals import CallerRefused
from app.http.admission.admitted import Charged
from app.http.cursors import Cursors
from app.http.feed_schemas import AdminChangesResponse, owners_change
from app.http.journal_cursors import journal_cursor, journal_position
from app.http.problems import NO_JOURNAL, RequestError
from app.http.watching import FIRST_PAUSE, LONGEST_PAUSE
from providers.journal.base import Journal
from providers.journal.changes import JournalChanges, JournalPosition, check_kept
from providers.owners import DEFAULT_TENANT, Owner
from providers.types import Snapshot

NOW = "now"
BEGINNING = (None, "", "0")
_WITHOUT = (
    'Changes of all users are told from the journal: set journal.kind = "sqlite", or "postgres" for several hosts;'
    " without one follow each user at /memory/changes"
)


class AdminFeedService(Struct, frozen=True):
    """Tell an operator what changed; `keep` is for how many seconds the journal knows it, `ending` ends a wait."""

    journal: Journal | None
    keep: float
    cursors: Cursors
    identity: Identity
    admission: Charged
    ending: Callable[[], bool]
    now: Callable[[], float] = time.monotonic

    async def changes(self, after: str | None, limit: int, seconds: float) -> AdminChangesResponse:
        """Return the changes behind a cursor as soon as there are some, none after so many seconds.

        Raises:
            RequestError: there is no journal.
            InvalidInput: the cursor is not one of this feed.
            FeedLost: it is older than the journal keeps what is done, or of another journal.
            JournalUnavailable: the journal does not answer.
        """
        if self.journal is None:
            raise RequestError(NO_JOURNAL, _WITHOUT)
        begins = after is None or after in BEGINNING
        place = None if begins or after == NOW else journal_position(self.cursors, str(after), "after")
        end, pause = self.now() + seconds, FIRST_PAUSE
        page = await self._page(self.journal, place, limit, now=after == NOW)
        while not page.changes and self.now() < end and not self.ending():
            with self.admission.parked():
                await asyncio.sleep(min(pause, max(0.0, end - self.now())))
            pause = min(2 * pause, LONGEST_PAUSE)
            page = await self._page(self.journal, page.position, limit)
        seen = [owners_change(change.state) for change in page.changes if self._sees(change.state)]
        return AdminChangesResponse(seen, journal_cursor(self.cursors, page.position), page.more)

    async def _page(
        self, journal: Journal, place: JournalPosition | None, limit: int, *, now: bool = False
    ) -> JournalChanges:
        page = await journal.changes(place, limit, now=now)
        check_kept(place, page, self.keep)
        return page

    def _sees(self, state: Snapshot) -> bool:
        """Return whether the key may see a memory: one for users these, one of another tenant than the default that."""
        owner = Owner.of_key(state.user_id)
        if self.identity.tenant not in {DEFAULT_TENANT, owner.tenant}:
            return False
        try:
            self.identity.users.choose(owner.user, reading=True)
        except CallerRefused:
            return False
        return True
