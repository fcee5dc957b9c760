"""One call of the service as a value: what is sent, and what its answer is decoded into."""

from collections.abc import Generator, Mapping
from datetime import datetime
from math import ceil
from typing import Any, Generic, TypeVar
from urllib.parse import quote
from uuid import uuid4

import msgspec
from msgspec import Struct

from ninaivalaigal.errors import NotSendable
from ninaivalaigal.values import Answer

T = TypeVar("T", bound=Answer)
R = TypeVar("R")

# Steps towards a result, each of which is a call; `Client.run` and `AsyncClient.run` take them.
Plan = Generator["Call[Any]", Any, R]

_OPTIONS = frozenset({"user", "timeout", "memory_session", "idempotency_key", "wait", "if_match"})


class Call(Struct, Generic[T], frozen=True, kw_only=True):
    """One call, which may be sent several times: a write carries a key with which it takes effect once."""

    method: str
    path: str
    returns: type[T]
    params: Mapping[str, str] = {}
    body: bytes | None = None
    media_type: str = "application/json"
    user: str | None = None
    timeout: float | None = None
    memory_session: str | None = None
    idempotency_key: str | None = None
    wait: int | None = None
    if_match: str | None = None
    of_owners: bool = False  # whose memories are meant stands in the body, in place of the client's user
    answers_with: frozenset[int] = frozenset()  # statuses that bring an answer, beside those of success

    def __iter__(self) -> Generator["Call[T]", T, T]:
        """Take part in a plan: `answer = yield from call`."""
        return (yield self)

    def headers(self, default_user: str | None) -> dict[str, str]:
        """Return the headers that the call asks for."""
        default = None if self.of_owners else default_user
        found = user_header(self.user if self.user is not None else default)
        if self.body is not None:
            found["Content-Type"] = self.media_type
        if self.timeout is not None:
            found["X-Request-Timeout-Ms"] = str(ceil(self.timeout * 1000))
        if self.memory_session is not None:
            found["Memory-Session"] = self.memory_session
        if self.idempotency_key is not None:
            found["Idempotency-Key"] = self.idempotency_key
        if self.wait is not None:
            found["Prefer"] = f"wait={self.wait}"
        if self.if_match is not None:
            found["If-Match"] = self.if_match
        return found


def reading(method: str, path: str, returns: type[T], given: Mapping[str, Any], body: object = None) -> Call[T]:
    """Return a call that changes nothing; of what was given only the options are taken."""
    return Call(method=method, path=path, returns=returns, body=_encoded(body), **_options(given))


def writing(method: str, path: str, returns: type[T], given: Mapping[str, Any], body: object = None) -> Call[T]:
    """Return a call that changes something, under a key."""
    options = _options(given)
    options["idempotency_key"] = options.get("idempotency_key") or uuid4().hex
    return Call(method=method, path=path, returns=returns, body=_encoded(body), **options)


def with_params(call: Call[T], params: Mapping[str, Any]) -> Call[T]:
    """Return the call with parameters in its address."""
    return msgspec.structs.replace(call, params={name: _parameter(value) for name, value in given_of(params).items()})


def fields_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was given without the options, which travel as headers."""
    return {name: value for name, value in given.items() if name not in _OPTIONS}


def given_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that have a value; None stands for the service's default."""
    return {name: value for name, value in fields_of(given).items() if value is not None}


def user_header(user: str | None) -> dict[str, str]:
    """Return the header that names a user of any script (RFC 8187 where plain ASCII would not do)."""
    if user is None:
        return {}
    written = quote(user, safe="", errors="surrogatepass")
    return {"X-User-ID": user} if written == user else {"X-User-ID*": f"UTF-8''{written}"}


def _options(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name in _OPTIONS}


def _encoded(body: object) -> bytes | None:
    if body is None:
        return None
    try:
        return msgspec.json.encode(body)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise NotSendable(f"this cannot be sent as JSON: {error}") from error


def _parameter(value: object) -> str:
    if isinstance(value, str):
        return value
    return value.isoformat() if isinstance(value, datetime) else msgspec.json.encode(value).decode()
