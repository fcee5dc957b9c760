"""The feed of all users' memories for operators, from the journal."""

import asyncio
import time
from collections.abc import Callable

from msgspec import Struct

from app.admin.feed_audit import FeedAudit
from app.auth.caller import Identity
from app.auth.refusals import CallerRefused
from app.http.admission.admitted import Charged
from app.http.cursors import Cursors
from app.http.feed_schemas import AdminChangesResponse, OwnersChange, owners_change
from app.http.journal_cursors import JournalPlace, journal_cursor, journal_place
from app.http.problems import NO_JOURNAL, RequestError
from app.http.watching import FIRST_PAUSE, LONGEST_PAUSE
from providers.journal.base import Journal
from providers.journal.changes import JournalChanges, JournalPosition, check_kept
from providers.owners import Owner
from providers.provenance.quarantines import Quarantines

NOW = "now"
BEGINNING = (None, "", "0")
_WITHOUT = (
    'Changes of all users are told from the journal: set journal.kind = "sqlite", or "postgres" for several hosts;'
    " without one follow each user at /memory/changes"
)


class AdminFeedPage(Struct, frozen=True):
    """Changes, each with the cursor behind it, and the place behind all of them.

    `quarantines` are the ids of those in force, and `news` is true if they are others than the place before had.
    """

    changes: list[tuple[OwnersChange, str]]
    place: JournalPlace
    next: str
    more: bool
    quarantines: list[str]
    news: bool

    @property
    def response(self) -> AdminChangesResponse:
        """The page as an answer in JSON."""
        return AdminChangesResponse([change for change, _ in self.changes], self.next, self.more, self.quarantines)


class AdminFeedService(Struct, frozen=True):
    """Tell an operator what changed; `keep` is for how many seconds the journal knows it, `ending` ends a wait.

    What is in quarantine is told without its text. `audit` is told whose memories were shown.
    """

    journal: Journal | None
    keep: float
    cursors: Cursors
    identity: Identity
    admission: Charged
    quarantines: Callable[[], Quarantines]
    audit: FeedAudit
    ending: Callable[[], bool]
    now: Callable[[], float] = time.monotonic

    def place(self, after: str | None, field: str = "after") -> JournalPlace | None:
        """Return the place that a cursor names, None for the beginning, and for now; `field` has it.

        Raises:
            InvalidInput: the cursor is not one of this feed.
        """
        return None if after in BEGINNING or after == NOW else journal_place(self.cursors, str(after), field)

    async def page(self, place: JournalPlace | None, limit: int, seconds: float, *, now: bool = False) -> AdminFeedPage:
        """Return the changes behind a place as soon as there are some, none after so many seconds; or `now` behind all.

        Raises:
            RequestError: there is no journal.
            FeedLost: the place is older than the journal keeps what is done, or of another journal.
            JournalUnavailable: the journal does not answer.
        """
        if self.journal is None:
            raise RequestError(NO_JOURNAL, _WITHOUT)
        end, pause = self.now() + seconds, FIRST_PAUSE
        known = "" if place is None else place.quarantines
        page = await self._page(self.journal, None if place is None else place.position, limit, now=now)
        while not page.changes and self._digest() == known and self.now() < end and not self.ending():
            with self.admission.parked():
                await asyncio.sleep(min(pause, max(0.0, end - self.now())))
            pause = min(2 * pause, LONGEST_PAUSE)
            page = await self._page(self.journal, page.position, limit)
        return self._told(page, known)

    def _told(self, page: JournalChanges, known: str) -> AdminFeedPage:
        rules, digest = self.quarantines(), self._digest()
        changes = [
            # Until the last one the client has what it knew of quarantines.
            (owners_change(change.state, rules), journal_cursor(self.cursors, JournalPlace(change.position, known)))
            for change in page.changes
            if self._sees(Owner.of_key(change.state.user_id))
        ]
        self.audit.told([change for change, _ in changes])
        place = JournalPlace(page.position, digest)
        following = journal_cursor(self.cursors, place)
        in_force = [one.id for one in rules.active if self._concerned(one.tenant)]
        return AdminFeedPage(changes, place, following, page.more, in_force, digest != known)

    def _digest(self) -> str:
        return self.quarantines().digest(lambda one: self._concerned(one.tenant))

    def _concerned(self, tenant: str | None) -> bool:
        """Return whether the key is told of what is about a tenant, or about all."""
        return tenant is None or self.identity.overseen in {None, tenant}

    async def _page(
        self, journal: Journal, place: JournalPosition | None, limit: int, *, now: bool = False
    ) -> JournalChanges:
        page = await journal.changes(place, limit, now=now)
        check_kept(place, page, self.keep)
        return page

    def _sees(self, owner: Owner) -> bool:
        """Return whether the key may see memories: of its tenant, and of its users if it is for some."""
        if self.identity.overseen not in {None, owner.tenant}:
            return False
        try:
            self.identity.users.choose(owner.user, reading=True)
        except CallerRefused:
            return False
        return True
