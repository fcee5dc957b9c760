"""What admission reads of a request's head: who asks, for whom, and how long the body is."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from msgspec import Struct

from app.http.connections.sockets import peer_of
from observability.http import Scope

# Returns the name of the caller whose key the request shows, None if it is not known; nothing is admitted by it.
Recognize = Callable[[Mapping[str, str]], str | None]

_AUTHORIZATION, _API_KEY = b"authorization", b"x-api-key"
_USER, _LENGTH, _CODING = b"x-user-id", b"content-length", b"transfer-encoding"
_DIGITS = 18  # of a length; a longer one is no length


class Head(Struct, frozen=True):
    """Hold what admission needs of a head; `length` is None if the body does not say its length, 0 without a body."""

    caller: str
    user: bytes
    length: int | None


def read_head(scope: Scope, recognize: Recognize) -> Head:
    """Read a head; of a caller without a known key the address counts, in IPv6 the customer's network."""
    shown: dict[str, str] = {}
    user = b""
    length: int | None = 0
    for name, value in scope["headers"]:
        if name in (_AUTHORIZATION, _API_KEY):
            shown[name.decode()] = value.decode("latin-1")
        elif name == _USER:
            user = value
        elif name == _LENGTH:
            length = int(value) if value.isdigit() and len(value) <= _DIGITS else None
        elif name == _CODING:
            length = None
    caller = recognize(shown) if shown else None
    return Head(address_of(scope) if caller is None else caller, user, length)


def address_of(scope: Mapping[str, Any]) -> str:
    """Return the address of a client, in IPv6 the customer's network; empty if it has none."""
    client = scope.get("client")
    return _address(client[0]) if client else ""


@lru_cache(maxsize=1024)
def _address(host: str) -> str:
    try:
        return peer_of(host)
    except ValueError:  # no address: a socket's path
        return host
