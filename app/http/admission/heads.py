"""What admission reads of a request's head: who asks, for whom, and how long the body is."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from app.http.connections.sockets import peer_of
from observability.http import Scope

# Returns the name of the caller whose key the request shows, None if it is not known; nothing is admitted by it.
Recognize = Callable[[Mapping[str, str], Scope], str | None]

_SHOWN = frozenset({b"authorization", b"x-api-key", b"x-user-context", b"x-signature"})
_USER, _ENCODED_USER, _USER_IN_QUERY = b"x-user-id", b"x-user-id*", b"user_id="
_LENGTH, _CODING, _PACKED = b"content-length", b"transfer-encoding", b"content-encoding"
_PACKED_TO = 4  # a gzip body is about so many times as long as it is announced
_DIGITS = 18  # of a length; a longer one is no length


class Head(Struct, frozen=True):
    """Hold what admission needs of a head; `length` is None if the body does not say its length, 0 without a body."""

    caller: str
    user: bytes
    length: int | None


def read_head(scope: Scope, recognize: Recognize) -> Head:
    """Read a head; of a caller without a known key the address counts, in IPv6 the customer's network."""
    shown: dict[str, str] = {}
    user = _user_in(scope.get("query_string", b""))
    packed = False
    length: int | None = 0
    for name, value in scope["headers"]:
        if name in _SHOWN:
            shown[name.decode()] = value.decode("latin-1")
        elif name == _USER:
            user = value
        elif name == _ENCODED_USER:
            user = unquote_to_bytes(value.rpartition(b"'")[2])
        elif name == _LENGTH:
            length = int(value) if value.isdigit() and len(value) <= _DIGITS else None
        elif name == _CODING:
            length = None
        elif name == _PACKED:
            packed = True
    if packed and length:
        length *= _PACKED_TO
    caller = recognize(shown, scope) if shown else None
    return Head(address_of(scope) if caller is None else caller, user, length)


def address_of(scope: Mapping[str, Any]) -> str:
    """Return the address of a client, in IPv6 the customer's network; empty if it has none."""
    client = scope.get("client")
    return _address(client[0]) if client else ""


def _user_in(query: bytes) -> bytes:
    """Return the user that a query names, empty without one; one that is spelled otherwise is another one here."""
    if _USER_IN_QUERY not in query:
        return b""
    named = (part for part in query.split(b"&") if part.startswith(_USER_IN_QUERY))
    return unquote_to_bytes(next(named, b"")[len(_USER_IN_QUERY) :])


@lru_cache(maxsize=1024)
def _address(host: str) -> str:
    try:
        return peer_of(host)
    except ValueError:  # no address: a socket's path
        return host
