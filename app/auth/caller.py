"""The caller of a request, and the user whose memories it is about."""

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from app.http.problems import BAD_REQUEST, FORBIDDEN, RequestError
from app.settings.model import Scope
from providers.errors import InvalidInput
from providers.limits import check_user_id
from providers.types import DEFAULT_TENANT, Owner

USER_HEADER = "X-User-ID"


class Caller(Struct, frozen=True):
    """Name a caller: `id` is the name of its key, or `anonymous`; `user_id` of `tenant` is whose memories are meant."""

    id: str
    user_id: str
    tenant: str = DEFAULT_TENANT

    @property
    def owner(self) -> Owner:
        """The owner of the memories that are meant."""
        return Owner(self.user_id, self.tenant)


class Identity(Struct, frozen=True):
    """Name an authenticated client: `id` as of a caller; `user` its only user, None if each request names one."""

    id: str
    scopes: frozenset[Scope]
    user: str | None = None

    def require(self, scope: Scope) -> None:
        """Require this scope of the identity; raise `RequestError` if it lacks it."""
        if scope not in self.scopes:
            raise RequestError(FORBIDDEN, f'This API key lacks the scope "{scope}"')


class Authenticator(Protocol):
    """Describe one way to authenticate a caller."""

    def recognize(self, headers: Mapping[str, str]) -> str | None:
        """Return the id of the caller that shows these headers, None if it is not known; nobody is admitted by it."""

    def identify(self, method: str, headers: Mapping[str, str]) -> Identity:
        """Return the identity of the caller of an HTTP method; raise `RequestError` if it is unknown."""

    def user_of(self, identity: Identity, headers: Mapping[str, str]) -> str:
        """Return the user whose memories the request is about.

        Raises:
            RequestError: the identity does not speak for the user that the request names.
            InvalidInput: the user named is invalid.
        """


def user_in(headers: Mapping[str, str]) -> str | None:
    """Return the user that the header names, None without it. Header bytes arrive as Latin-1; clients send UTF-8."""
    value = headers.get(USER_HEADER.lower())
    if value is None:
        return None
    try:
        user_id = value.encode("latin-1").decode()
    except UnicodeError:
        raise RequestError(BAD_REQUEST, f"{USER_HEADER} must be UTF-8", field=USER_HEADER) from None
    try:
        check_user_id(user_id)
    except InvalidInput as error:
        raise InvalidInput(USER_HEADER, error.reason) from None
    return user_id
