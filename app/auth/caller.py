"""The caller of a request, and the user whose memories it is about."""

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from app.http.problems import FORBIDDEN, RequestError
from app.settings.model import Scope
from providers.types import Owner

USER_HEADER = "X-User-ID"


class Caller(Struct, frozen=True):
    """Name a caller: `id` is the name of its key, or `anonymous`; `user_id` is whose memories are meant."""

    id: str
    user_id: str

    @property
    def owner(self) -> Owner:
        """The owner of the memories that are meant."""
        return Owner(self.user_id)


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

    def user_of(self, identity: Identity, named: str | None) -> str:
        """Return the user whose memories the request is about; `named` is whom it names.

        Raises:
            RequestError: the identity does not speak for the user that the request names.
            InvalidInput: it names nobody, and has to.
        """
