"""The part of a journal's protocol that tells what changed, of all owners, and keeps the places of followers."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from providers.errors import FeedLost
from providers.journal.facts import JournalFacts
from providers.types import Snapshot

MAX_CHANGES = 1_000  # on one page
_TRANSACTION_SECONDS = 60.0  # that an append takes at most, by far
MAX_WEBHOOK_NOTES = 10_000  # of one webhook: its place, and its dead letters
PLACE = 0  # the number of the note that says how far a webhook is; the others have those of operations


class JournalPosition(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A place in the changes of a journal: behind the operation `seq` of the transaction `number`.

    `epoch` names one history of the journal. `at` is a moment, in seconds since 1970 by the journal's clock, before
    which nothing was appended that comes behind this place, but for the time that a transaction takes.
    """

    epoch: str
    number: int
    seq: int
    at: float


class JournalChange(Struct, frozen=True):
    """The newest state of a memory or its tombstone, as operation `seq` made it, and the place behind it."""

    seq: int
    state: Snapshot
    position: JournalPosition


class JournalChanges(Struct, frozen=True):
    """The next changes, and the place behind them; `more` is true if others follow at once.

    `moment` is when they were read, in seconds since 1970 by the journal's clock.
    """

    changes: list[JournalChange]
    position: JournalPosition
    more: bool
    moment: float


class WebhookNote(Struct, frozen=True):
    """What was noted of a webhook under a number, perhaps about a memory of the owner with this key."""

    seq: int
    text: str
    user_id: str = ""


def check_kept(after: JournalPosition | None, page: JournalChanges, keep: float) -> None:
    """Refuse a place behind which something may have been dropped, from a journal that keeps it for `keep` seconds.

    Raises:
        FeedLost: it is too old, or of a time to come, by a clock that was set back.
    """
    slack = min(_TRANSACTION_SECONDS, keep / 2)
    if after is not None and not page.moment - keep + slack < after.at < page.moment + slack:
        raise FeedLost(f"the cursor is older than the {keep:g} s for which the journal keeps what is done")


class ChangesOfJournal(JournalFacts, Protocol):
    """Tell the operations that the journal still knows, in an order in which nothing comes in between any more."""

    @abstractmethod
    async def changes(self, after: JournalPosition | None, limit: int, *, now: bool = False) -> JournalChanges:
        """Return up to `limit` changes behind a place; without one the oldest that are known, or with `now` none.

        Of each memory only the newest operation is told, and traces are not. What was dropped from the journal is not
        told either: who asks compares the moment of the place with how long the journal keeps what it knows.

        Raises:
            FeedLost: the place is of another history of the journal.
        """

    @abstractmethod
    async def webhook_notes(self, name: str, limit: int, *, after: int = -1) -> list[WebhookNote]:
        """Return the notes of a webhook with a number above `after`, by their numbers."""

    @abstractmethod
    async def note_webhook(self, name: str, notes: Sequence[WebhookNote]) -> None:
        """Write notes of a webhook, all or none, over those with the same numbers.

        Those about an owner go when the journal is purged of it. Beyond `MAX_WEBHOOK_NOTES` those with the lowest
        numbers above `PLACE` are dropped.
        """

    @abstractmethod
    async def drop_webhook_notes(self, name: str, seqs: Sequence[int]) -> int:
        """Drop notes of a webhook, and return how many there were."""
