"""No authentication: any client that reaches the service may call it, for the user that it names."""

from collections.abc import Mapping

from msgspec import Struct

from app.auth.caller import Identity
from app.auth.loopback import require_loopback_name
from app.auth.origin import require_own_page

ANONYMOUS = "anonymous"
_EVERY_CALLER = Identity(ANONYMOUS, frozenset({"memory", "admin"}))
_CHANGES_NOTHING = frozenset({"GET", "HEAD", "OPTIONS"})  # and the browser shows the answer to no other site


class AnonymousAuthenticator(Struct, frozen=True):
    """Accept every caller; the settings allow this on a loopback address alone."""

    default_user: str

    def recognize(self, headers: Mapping[str, str]) -> None:
        """Know nobody: callers are told apart by their address."""

    def identify(self, method: str, headers: Mapping[str, str]) -> Identity:
        """Return the one identity that all callers share.

        Raises:
            RequestError: the request names a host that is not this machine, or a page of another site would change
                something.
        """
        require_loopback_name(headers)
        if method not in _CHANGES_NOTHING:
            require_own_page(headers)
        return _EVERY_CALLER

    def user_of(self, identity: Identity, named: str | None) -> str:  # noqa: ARG002 - the same for all
        """Return the user named, or the default one."""
        return named or self.default_user
