"""The sealed cursor of the feed of all users: a place in the journal."""

import msgspec
from msgspec import Struct

from app.http.cursors import Cursors
from providers.errors import InvalidInput
from providers.feed import MAX_FEED_NUMBER
from providers.journal.changes import JournalPosition

MAX_JOURNAL_CURSOR_CHARS = 512
_KIND = "journal"  # tells it from other texts that the service seals
_NO_CURSOR = "is not a cursor of this feed, or one of another installation: begin again without it"


class JournalPlace(Struct, frozen=True):
    """A place in the feed: a position in the journal, and a digest of the quarantines in force there, "" for none."""

    position: JournalPosition
    quarantines: str = ""


class _JournalCursor(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    position: JournalPosition
    kind: str = _KIND


class _QuarantinedCursor(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Another form, which the version before does not take: it is there only while something is in quarantine."""

    position: JournalPosition
    kind: str = _KIND
    quarantines: str = ""


def journal_cursor(cursors: Cursors, place: JournalPlace) -> str:
    """Return the cursor with which the feed goes on behind a place."""
    plain = _JournalCursor(place.position)
    written = _QuarantinedCursor(place.position, _KIND, place.quarantines) if place.quarantines else plain
    return cursors.sealed(msgspec.msgpack.encode(written))


def journal_place(cursors: Cursors, text: str, field: str) -> JournalPlace:
    """Return the place that a cursor names, which the request has in a `field`.

    Raises:
        InvalidInput: this service did not issue the cursor, or not for this feed.
    """
    content = cursors.unsealed(text)
    try:
        cursor = None if content is None else msgspec.msgpack.decode(content, type=_QuarantinedCursor)
    except msgspec.DecodeError:
        cursor = None
    if cursor is None or cursor.kind != _KIND or not 0 <= cursor.position.seq <= MAX_FEED_NUMBER:
        raise InvalidInput(field, _NO_CURSOR)
    return JournalPlace(cursor.position, cursor.quarantines)
