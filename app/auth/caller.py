"""The caller of a request: who it is, what it may do, and the user whose memories it asks for."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from msgspec import Struct

from app.auth.allowed_users import ANY_USER, USER_HEADER, AllowedUsers
from app.auth.credentials import Credential
from app.auth.refusals import CallerRefused
from app.settings.auth import Scope
from observability.notes import current
from providers.owners import DEFAULT_TENANT, Owner


class Caller(Struct, frozen=True):
    """Name a caller, for `user_id` of `tenant`, whose memories are meant.

    `id` is the name of its key, that of the subject of its token, or `anonymous`.
    """

    id: str
    user_id: str
    tenant: str = DEFAULT_TENANT

    @property
    def owner(self) -> Owner:
        """The owner of the memories that are meant."""
        return Owner(self.user_id, self.tenant)


class Once(Struct, frozen=True):
    """Name what was shown and may be used once; it is to be remembered for so many seconds."""

    name: str
    seconds: float


class Identity(Struct, frozen=True):
    """Describe an authenticated client.

    `id` is as of a caller, and stays the same when its secret is replaced. `users` are those of `tenant` that it speaks
    for. `expires` is in seconds since 1970, None for never. `proof` stands for the secret that was shown, so that a
    session can end with it. `once` is what it has shown, if that counts a single time, and `body_digest` the SHA-256
    of the body to which it is bound, in hex digits. `key` is the id of the key by which it is known, None of a token.
    """

    id: str
    scopes: frozenset[Scope]
    users: AllowedUsers = ANY_USER
    tenant: str = DEFAULT_TENANT
    expires: float | None = None
    proof: str = ""
    once: Once | None = None
    body_digest: str | None = None
    key: str | None = None

    @property
    def overseen(self) -> str | None:
        """The only tenant whose memories an operator may see, None if all may be.

        A key of the default tenant sees all of them unless it is for some users, who are of its own tenant.
        """
        return None if self.tenant == DEFAULT_TENANT and self.users.anybody else self.tenant

    def require(self, scope: Scope) -> None:
        """Require this scope of the identity; raise `CallerRefused` if it lacks it."""
        if scope not in self.scopes:
            raise CallerRefused("scope", f'This {self.users.shown} lacks the scope "{scope}"', caller=self.id)

    def caller_for(self, named: str | None, field: str = USER_HEADER, *, reading: bool = False) -> Caller:
        """Return the caller, for the user that the request names in a field, None if it names nobody.

        If it is `reading` that may also be somebody whose memories it may read, and nothing else.

        Raises:
            CallerRefused: the identity does not speak for that user.
            InvalidInput: nobody is named, and there is no default.
        """
        notes = current.get()
        if notes is not None and named is not None:  # also of a caller that is refused below
            notes.asks_for(self.tenant, named)
        user = self.users.choose(named, field, reading=reading)
        if notes is not None and named is None:
            notes.asks_for(self.tenant, user)
        return Caller(self.id, user, self.tenant)


class CredentialKind(Protocol):
    """Describe one kind of credential, such as API keys."""

    def takes(self, credential: Credential) -> bool:
        """Return whether this is one of the kind, by its form alone."""

    def identify(self, credential: Credential) -> Identity:
        """Return whom a credential proves; raise `CallerRefused` if it proves nobody."""

    def resume(self, caller: str, proves: Callable[[str], bool]) -> Identity | None:
        """Return the identity that a session stands for, None if what was shown at its beginning counts no more.

        `proves` tells whether an identity's proof is that of the session.
        """


class Authenticator(Protocol):
    """Describe how the service authenticates its callers."""

    def recognize(self, headers: Mapping[str, str], scope: Mapping[str, Any]) -> str | None:
        """Return the id of the caller that shows these headers, None if it is not known; nobody is admitted by it."""

    def identify(self, method: str, headers: Mapping[str, str], shown: Credential | None) -> Identity:
        """Return the identity of the caller of an HTTP method; raise `RequestError` if it is unknown."""

    def resume(self, caller: str, proves: Callable[[str], bool]) -> Identity | None:
        """Return the identity that a session stands for, None if it has ended."""
