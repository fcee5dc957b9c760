"""How a request names its user: in a header as it is or percent-encoded (RFC 8187), in the query, or in the body."""

import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

from litestar.connection import ASGIConnection
from msgspec import UNSET, UnsetType

from app.auth.allowed_users import USER_HEADER
from app.auth.caller import Caller, Identity
from app.auth.credentials import ManyHeaders
from app.auth.refusals import counted
from app.auth.routes import SCOPE
from app.http.problems import BAD_REQUEST, RequestError
from app.settings.auth import Scope
from observability.metrics import Metrics
from providers.errors import InvalidInput
from providers.limits import check_user_id
from providers.owners import Owner

USER_HEADER_ENCODED = f"{USER_HEADER}*"
USER_FIELD = "user_id"  # in the query and in the body
OWNERS_FIELD = "owners"  # in the body of a recall
_IN_QUERY, _IN_BODY = f"{USER_FIELD} in the query", f"{USER_FIELD} in the body"
_IN_PATH = "the user in the path"

# RFC 8187, section 3.2.1: the charset, a language that means nothing here, and what is percent-encoded or harmless.
_ENCODED = re.compile(r"[Uu][Tt][Ff]-8'[A-Za-z0-9-]*'((?:%[0-9A-Fa-f]{2}|[A-Za-z0-9!#$&+.^_`|~-])*)")


class RequestUser:
    """The user of one request: whom its head names, or its body, or whom its key or the settings are for.

    It is known for good only when the body was read, which may name it.
    """

    __slots__ = ("_caller", "_field", "_identity", "_metrics", "_named", "_named_by", "_reading")

    def __init__(self, request: ASGIConnection[Any, Any, Any, Any], identity: Identity) -> None:
        """Read the head.

        Raises:
            RequestError: a name cannot be read, or there are two that differ.
            InvalidInput: the user named is invalid.
        """
        self._identity = identity
        self._metrics: Metrics = request.app.state.metrics
        self._reading = request.route_handler.opt.get(SCOPE) == "memory:read"
        self._named: str | None = None
        self._named_by, self._field = "", USER_HEADER
        self._caller: Caller | None = None
        for place, user_id in _named_in_head(request):
            self._name(place, user_id, USER_FIELD if place == _IN_QUERY else place)
        if self._named_by:
            self._caller = self._settled()

    @property
    def caller(self) -> Caller:
        """The caller, and its user; this ends the time in which a body may name another one.

        Raises:
            RequestError: the identity does not speak for the user that is named.
            InvalidInput: nobody is named, and somebody has to be.
        """
        if self._caller is None:
            self._caller = self._settled()
        return self._caller

    def require(self, scope: Scope) -> None:
        """Require one more scope than the route asks for; raise `CallerRefused` if the caller lacks it."""
        with counted(self._metrics):
            self._identity.require(scope)

    def readable(self, names: Sequence[str], *, beside_user: bool = False) -> list[Owner]:
        """Return several owners whose memories a body asks for, in place of a user.

        In a batch they stand `beside_user`: the request may name one, who is that of the queries without owners.

        Raises:
            CallerRefused: the identity may not read those of one of them.
            InvalidInput: one is invalid or named twice, or the request names a user as well.
        """
        if self._named is not None and not beside_user:
            raise InvalidInput(OWNERS_FIELD, f"must not be given together with {self._named_by}")
        with counted(self._metrics):
            return owners_named(self._identity, names)

    def name_in_body(self, user_id: str | UnsetType) -> None:
        """Take the name that a body gives, if it gives any; errors as of the constructor and of `caller`."""
        if user_id is UNSET:
            return
        if self._caller is not None and self._named is None:
            raise RuntimeError("the body was read after the user had been settled without it")
        self._name(_IN_BODY, user_id, USER_FIELD)
        self._caller = self._settled()

    @property
    def is_named(self) -> bool:
        """Whether the request names a user."""
        return self._named is not None

    def name_in_path(self, user_id: str) -> None:
        """Take the name in the path of another protocol; errors as of the constructor and of `caller`."""
        self._name(_IN_PATH, user_id, USER_FIELD)
        self._caller = self._settled()

    def _name(self, place: str, user_id: str, field: str) -> None:
        """Take a name; `place` is told to the caller, and `field` is the header, parameter or field."""
        _check(field, user_id)
        if self._named not in {None, user_id}:
            than = "names two users" if place == self._named_by else f"names another user than {self._named_by}"
            raise RequestError(BAD_REQUEST, f"{place} {than}", field=field)
        self._named, self._named_by, self._field = user_id, place, field

    def _settled(self) -> Caller:
        with counted(self._metrics):
            return self._identity.caller_for(self._named, self._field, reading=self._reading)


def held_by(request: ASGIConnection[Any, Any, Any, Any]) -> dict[str, Any]:
    """Return what `request.state` holds; the framework makes that object anew each time, with a lock."""
    held: dict[str, Any] = request.scope["state"]
    return held


def user_of(request: ASGIConnection[Any, Any, Any, Any]) -> RequestUser:
    """Return the user of a request that was admitted."""
    user: RequestUser = held_by(request)["user"]
    return user


def owners_named(identity: Identity, names: Sequence[str]) -> list[Owner]:
    """Return owners whose memories an identity asks for.

    Raises:
        CallerRefused: the identity may not read those of one of them.
        InvalidInput: one is invalid or named twice.
    """
    if len(set(names)) < len(names):
        raise InvalidInput(OWNERS_FIELD, "must be different owners")
    for name in names:
        _check(OWNERS_FIELD, name)
    return [identity.caller_for(name, OWNERS_FIELD, reading=True).owner for name in names]


def _check(field: str, user_id: str) -> None:
    try:
        check_user_id(user_id)
    except InvalidInput as error:
        raise InvalidInput(field, error.reason) from None


def _named_in_head(request: ASGIConnection[Any, Any, Any, Any]) -> Iterator[tuple[str, str]]:
    """Yield each place that names a user, and the user."""
    headers = request.headers
    plain = _only(headers, USER_HEADER)
    if plain is not None:
        # Header bytes arrive as Latin-1; clients send UTF-8.
        yield USER_HEADER, _utf8(USER_HEADER, plain.encode("latin-1"))
    encoded = _only(headers, USER_HEADER_ENCODED)
    if encoded is not None:
        yield USER_HEADER_ENCODED, _decoded(encoded)
    if request.scope["query_string"]:
        # Twice is refused with all other parameters; the framework would read bytes that are no UTF-8 as something.
        query = request.scope["query_string"].decode("latin-1")
        for name, value in parse_qsl(query, keep_blank_values=True, errors="surrogateescape"):
            if name == USER_FIELD:
                yield _IN_QUERY, _utf8(USER_FIELD, value.encode(errors="surrogateescape"))


def _only(headers: ManyHeaders, name: str) -> str | None:
    values = headers.getall(name, [])
    # Which of two would count depends on the reader, and a proxy in front may have read the other.
    if len(values) > 1:
        raise RequestError(BAD_REQUEST, f"{name} must be given once", field=name)
    return values[0] if values else None


def _decoded(value: str) -> str:
    found = _ENCODED.fullmatch(value)
    if found is None:
        detail = f"{USER_HEADER_ENCODED} must be UTF-8'' and the percent-encoded user id (RFC 8187)"
        raise RequestError(BAD_REQUEST, detail, field=USER_HEADER_ENCODED)
    return _utf8(USER_HEADER_ENCODED, unquote_to_bytes(found[1]))


def _utf8(place: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeError:
        raise RequestError(BAD_REQUEST, f"{place} must be UTF-8", field=place) from None
