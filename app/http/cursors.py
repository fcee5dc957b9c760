"""The opaque cursor of a list: the provider it belongs to, and the last memory already returned."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from providers.answers import Found
from providers.errors import InvalidInput
from providers.limits import check_page
from providers.types import MemoryRecord, Owner, PageQuery, Position

MAX_CURSOR_CHARS = 512
_ANY_OWNER = Owner("anybody")  # a position is checked as a part of a page, and every page has an owner


class Cursor(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Name a place in a list. Another provider lists in its own order, so the place means nothing there."""

    provider: str
    position: Position


def cursor_after(record: MemoryRecord, provider: str) -> str:
    """Return the cursor that continues after a memory."""
    return urlsafe_b64encode(msgspec.msgpack.encode(Cursor(provider, record.position))).decode().rstrip("=")


def next_cursor(page: Found, limit: int) -> str | None:
    """Return the cursor that continues after a page of at most `limit` memories, None after the last one."""
    full = page.cut or len(page.memories) == limit
    return cursor_after(page.memories[-1], page.provider or "") if full else None


def after_cursor(page: PageQuery, text: str) -> PageQuery:
    """Return the page that continues after a cursor; raise `InvalidInput` if this service did not issue it."""
    cursor = read_cursor(text)
    return replace(page, after=cursor.position, provider=cursor.provider)


def read_cursor(text: str) -> Cursor:
    """Read a cursor that was issued earlier; raise `InvalidInput` if this service did not issue it."""
    try:
        cursor = msgspec.msgpack.decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=Cursor)
        check_page(PageQuery(owner=_ANY_OWNER, after=cursor.position))
    except (ValueError, msgspec.DecodeError, InvalidInput) as error:
        raise InvalidInput("cursor", "is not a cursor of this service") from error
    return cursor
