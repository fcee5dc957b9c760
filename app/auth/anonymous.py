"""No proof at all: whoever reaches the service may ask, for the user they name."""

from collections.abc import Mapping

from msgspec import Struct

from app.auth.caller import Identity, user_in

ANONYMOUS = "anonymous"
_ANYBODY = Identity(ANONYMOUS, frozenset({"memory", "admin"}))


class AnonymousAuthenticator(Struct, frozen=True):
    """Take everybody at their word; the settings allow this on a loopback address alone."""

    default_user: str

    def identify(self, headers: Mapping[str, str]) -> Identity:  # noqa: ARG002 - what is shown here proves nothing
        """Give the one identity that all share."""
        return _ANYBODY

    def user_of(self, identity: Identity, headers: Mapping[str, str]) -> str:  # noqa: ARG002 - the same for all
        """Give the user of the header, or the default one."""
        return user_in(headers) or self.default_user
