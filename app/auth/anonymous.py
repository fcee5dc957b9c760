"""No proof at all: whoever reaches the service may ask, for the user they name."""

from collections.abc import Mapping

from msgspec import Struct

from app.auth.caller import Identity, user_in
from app.auth.loopback import require_loopback_name
from app.auth.origin import require_own_page

ANONYMOUS = "anonymous"
_ANYBODY = Identity(ANONYMOUS, frozenset({"memory", "admin"}))
_CHANGES_NOTHING = frozenset({"GET", "HEAD", "OPTIONS"})  # and the browser shows no other site what is answered


class AnonymousAuthenticator(Struct, frozen=True):
    """Take everybody at their word; the settings allow this on a loopback address alone."""

    default_user: str

    def identify(self, method: str, headers: Mapping[str, str]) -> Identity:
        """Give the one identity that all share.

        Raises:
            RequestError: the service was asked for by a name that is not of its own machine, or a page of another site
                would have something done.
        """
        require_loopback_name(headers)
        if method not in _CHANGES_NOTHING:
            require_own_page(headers)
        return _ANYBODY

    def user_of(self, identity: Identity, headers: Mapping[str, str]) -> str:  # noqa: ARG002 - the same for all
        """Give the user of the header, or the default one."""
        return user_in(headers) or self.default_user
