"""Anonymous access: every client that reaches the service is admitted, for the user it names."""

from collections.abc import Mapping

from msgspec import Struct

from app.auth.caller import Identity, user_in
from app.auth.loopback import require_loopback_name
from app.auth.origin import require_own_page

ANONYMOUS = "anonymous"
_ANYBODY = Identity(ANONYMOUS, frozenset({"memory", "admin"}))
_CHANGES_NOTHING = frozenset({"GET", "HEAD", "OPTIONS"})  # and the browser shows no other site what is answered


class AnonymousAuthenticator(Struct, frozen=True):
    """Admit every client; the settings allow this on a loopback address alone."""

    default_user: str

    def identify(self, method: str, headers: Mapping[str, str]) -> Identity:
        """Return the identity that all clients share.

        Raises:
            RequestError: the service was asked for by a name that is not of its own machine, or a page of another site
                would have something done.
        """
        require_loopback_name(headers)
        if method not in _CHANGES_NOTHING:
            require_own_page(headers)
        return _ANYBODY

    def user_of(self, identity: Identity, headers: Mapping[str, str]) -> str:  # noqa: ARG002 - the same for all
        """Return the user of the header, or the default one."""
        return user_in(headers) or self.default_user
