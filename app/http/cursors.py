"""The opaque cursor of a list: the provider it belongs to, the last memory already returned, and the query."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b

import msgspec
from msgspec import Struct
from msgspec.structs import asdict, replace

from providers.answers import Found
from providers.errors import InvalidInput
from providers.limits import check_page
from providers.owners import Owner
from providers.types import ALL, Conditions, MemoryRecord, PageQuery, Position

MAX_CURSOR_CHARS = 512
_ANY_OWNER = Owner("anybody")  # a position is checked as a part of a page, and every page has an owner
_DIGEST_BYTES = 8  # it tells a caller's own queries apart, and protects nothing
_ANY = b""  # the digest of a list of everything, newest first: the only one there was before lists had conditions

_encode = msgspec.json.Encoder(order="sorted").encode


class Cursor(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Name a place in a list. Another provider lists in its own order, so the place means nothing there.

    `query` is a digest of the conditions and the order of the list.
    """

    provider: str
    position: Position
    query: bytes = _ANY


def cursor_after(record: MemoryRecord, provider: str, query: PageQuery) -> str:
    """Return the cursor that continues a list after a memory."""
    digest = _digest_of(query)
    # Without the digest it is a cursor as the version before reads it.
    cursor = (provider, record.position) if digest == _ANY else Cursor(provider, record.position, digest)
    return urlsafe_b64encode(msgspec.msgpack.encode(cursor)).decode().rstrip("=")


def continued(query: PageQuery, text: str) -> PageQuery:
    """Return the page after a cursor.

    Raises:
        InvalidInput: this service did not issue the cursor, or not for this query.
    """
    cursor = read_cursor(text)
    if cursor.query != _digest_of(query):
        raise InvalidInput("cursor", "belongs to a list with other conditions or in another order")
    return replace(query, after=cursor.position, provider=cursor.provider)


def next_cursor(page: Found, query: PageQuery) -> str | None:
    """Return the cursor that continues after the page that answers a query, None after the last one."""
    full = page.cut or len(page.memories) == query.limit
    return cursor_after(page.memories[-1], page.provider or "", query) if full else None


def read_cursor(text: str) -> Cursor:
    """Read a cursor that was issued earlier; raise `InvalidInput` if this service did not issue it."""
    try:
        cursor = msgspec.msgpack.decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=Cursor)
        check_page(PageQuery(owner=_ANY_OWNER, after=cursor.position))
    except (ValueError, msgspec.DecodeError, InvalidInput) as error:
        raise InvalidInput("cursor", "is not a cursor of this service") from error
    return cursor


def _digest_of(query: PageQuery) -> bytes:
    conditions = Conditions(**{name: getattr(query, name) for name in Conditions.__struct_fields__})
    if conditions == ALL and query.order == "newest":
        return _ANY
    given = asdict(conditions)
    del given["now"]  # the reader sets it, and no cursor had it
    return blake2b(_encode([given, query.order]), digest_size=_DIGEST_BYTES).digest()
