"""The sealed cursor of a feed of changes: whose memories it is about, of which provider, and the place."""

from hashlib import blake2b

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from app.http.cursors import Cursors
from providers.errors import InvalidInput
from providers.feed import FeedPosition, FeedQuery, check_feed
from providers.owners import Owner

MAX_FEED_CURSOR_CHARS = 512
_DIGEST_BYTES = 8  # it tells users apart, and protects nothing: the seal does
_NO_CURSOR = "is not a cursor of this feed, or one of another installation: begin again without it"


class FeedCursor(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Name a place in a feed. Another provider numbers changes in its own way, so the place means nothing there."""

    provider: str
    position: FeedPosition
    owner: bytes


def feed_cursor(cursors: Cursors, owner: Owner, provider: str, position: FeedPosition) -> str:
    """Return the cursor with which a feed goes on behind a position."""
    cursor = FeedCursor(provider, position, _owner_digest(owner))
    return cursors.sealed(msgspec.msgpack.encode(cursor))


def feed_behind(cursors: Cursors, query: FeedQuery, text: str, field: str) -> FeedQuery:
    """Return the query that goes on behind a cursor, which the request has in a `field`.

    Raises:
        InvalidInput: this service did not issue the cursor, or not for this user.
    """
    content = cursors.unsealed(text)
    if content is None:
        raise InvalidInput(field, _NO_CURSOR)
    try:
        cursor = msgspec.msgpack.decode(content, type=FeedCursor)
        found = replace(query, after=cursor.position, provider=cursor.provider, now=False)
        check_feed(found)
    except (ValueError, msgspec.DecodeError, InvalidInput) as error:
        raise InvalidInput(field, _NO_CURSOR) from error
    if cursor.owner != _owner_digest(query.owner):
        raise InvalidInput(field, "is a cursor of the feed of another user: begin again without it")
    return found


def _owner_digest(owner: Owner) -> bytes:
    return blake2b(owner.key.encode(), digest_size=_DIGEST_BYTES).digest()
