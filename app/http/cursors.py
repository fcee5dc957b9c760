"""The cursor of a list, sealed: a place in a provider's list, for one owner, one query, and a day.

Whoever could make a cursor could choose the provider that answers, be it the slowest standby. So a client neither makes
nor reads one. The seal is a synthetic-IV construction (RFC 5297, with HMAC-SHA-256 and SHAKE-256): a mark of the whole
content, and the content under a pad that the secret and the mark give.
"""

import hmac
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable
from hashlib import blake2b, shake_256
from typing import TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import asdict, replace

from app.http.problems import CURSOR_LOST, RequestError
from providers.answers import Found
from providers.errors import InvalidInput
from providers.owners import Owner
from providers.positions import Position
from providers.source import ASKED
from providers.types import Conditions, MemoryRecord, PageQuery

MAX_CURSOR_CHARS = 512
CURSOR_SECONDS = 86_400  # that a cursor is accepted at least; a job over a long list reads a page more often
_ROUNDED_TO = 3_600  # seconds, up: the same page asked twice within an hour mostly has the same cursor
_DIGEST_BYTES = 8  # it tells a caller's own queries apart, and protects nothing
_MARK_BYTES = 16
_FIELD = "cursor"
_NO_CURSOR = "is not a cursor of this service"
_AGAIN = "begin the list again without it"

_encode = msgspec.json.Encoder(order="sorted").encode
_Content = TypeVar("_Content", bound=Struct)


class _Sealed(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Name a place in a list. Another provider lists in its own order, so the place means nothing there.

    `query` is a digest of the conditions and the order of the list, `owner` one of whose it is; `until` is in seconds
    since 1970.
    """

    provider: str
    position: Position
    query: bytes
    owner: bytes
    until: int


class _Unsealed(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The cursor of the versions before, which anybody could make: it is told from nonsense, and not followed."""

    provider: str
    position: Position
    query: bytes = b""


class Cursors:
    """Issue cursors and follow them; all replicas have the same `secret`. `now` is in seconds since 1970."""

    def __init__(self, secret: bytes, now: Callable[[], float] = time.time) -> None:
        self._secret, self._now = secret, now

    def next(self, page: Found, query: PageQuery) -> str | None:
        """Return the cursor that continues after the page that answers a query, None after the last one."""
        full = page.cut or len(page.memories) == query.limit
        return self.after(page.memories[-1], page.provider or "", query) if full else None

    def after(self, record: MemoryRecord, provider: str, query: PageQuery) -> str:
        """Return the cursor that continues a list of a provider after a memory."""
        until = (int(self._now()) + CURSOR_SECONDS) // _ROUNDED_TO * _ROUNDED_TO + _ROUNDED_TO
        place = _Sealed(provider, record.position, _query_digest(query), _owner_digest(query.owner), until)
        return self.sealed(msgspec.msgpack.encode(place))

    def sealed(self, content: bytes) -> str:
        """Return a text that this service alone could have made of a content, and that hides it."""
        mark = self._mark(content)
        return urlsafe_b64encode(mark + self._padded(mark, content)).decode().rstrip("=")

    def unsealed(self, text: str) -> bytes | None:
        """Return the content of a text, None if this service did not seal it."""
        try:
            raw = b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except ValueError:
            return None
        mark = raw[:_MARK_BYTES]
        content = self._padded(mark, raw[_MARK_BYTES:])
        return content if hmac.compare_digest(mark, self._mark(content)) else None

    def continued(self, query: PageQuery, text: str, field: str = _FIELD) -> PageQuery:
        """Return the page after a cursor, which the request has in a `field`.

        Raises:
            InvalidInput: this service did not issue the cursor, or not for this owner and this query.
            RequestError: the cursor has expired, or a version before issued it.
        """
        place = self._opened(text, field)
        if place.owner != _owner_digest(query.owner):
            raise InvalidInput(field, "belongs to the list of another user")
        if place.query != _query_digest(query):
            raise InvalidInput(field, "belongs to a list with other conditions or in another order")
        if self._now() >= place.until:
            raise RequestError(CURSOR_LOST, f"The cursor has expired; {_AGAIN}", field=field)
        return replace(query, after=place.position, provider=place.provider)

    def _opened(self, text: str, field: str) -> _Sealed:
        try:
            raw = b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except ValueError as error:
            raise InvalidInput(field, _NO_CURSOR) from error
        mark, hidden = raw[:_MARK_BYTES], raw[_MARK_BYTES:]
        content = self._padded(mark, hidden)
        if not hmac.compare_digest(mark, self._mark(content)):
            if _read(raw, _Unsealed) is not None:
                detail = f"The cursor is of a version before, or was made by hand; {_AGAIN}"
                raise RequestError(CURSOR_LOST, detail, field=field)
            raise InvalidInput(field, _NO_CURSOR)
        place = _read(content, _Sealed)
        if place is None:  # a version after this one may seal something else
            raise InvalidInput(field, _NO_CURSOR)
        return place

    def _mark(self, content: bytes) -> bytes:
        return hmac.digest(self._secret, content, "sha256")[:_MARK_BYTES]

    def _padded(self, mark: bytes, content: bytes) -> bytes:
        pad = shake_256(self._secret + mark).digest(len(content))
        return bytes(one ^ other for one, other in zip(content, pad, strict=True))


def _read(content: bytes, kind: type[_Content]) -> _Content | None:
    try:
        return msgspec.msgpack.decode(content, type=kind)
    except (ValueError, msgspec.DecodeError):
        return None


def _query_digest(query: PageQuery) -> bytes:
    conditions = Conditions(**{name: getattr(query, name) for name in Conditions.__struct_fields__})
    given = asdict(conditions)
    del given["now"]  # the reader sets it anew for every page
    del given["hidden"]  # whatever is in quarantine by then
    for name in ASKED:
        if given[name] is None:  # as in the versions before, whose cursors go on
            del given[name]
    return blake2b(_encode([given, query.order]), digest_size=_DIGEST_BYTES).digest()


def _owner_digest(owner: Owner) -> bytes:
    return blake2b(owner.key.encode(), digest_size=_DIGEST_BYTES).digest()
