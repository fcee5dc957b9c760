"""No proof at all: whoever reaches the service may ask, for the user they name."""

from collections.abc import Mapping

from msgspec import Struct

from app.auth.caller import Caller, user_in

ANONYMOUS = "anonymous"


class AnonymousAuthenticator(Struct, frozen=True):
    """Take everybody at their word; the settings allow this on a loopback address alone."""

    default_user: str

    def authenticate(self, headers: Mapping[str, str]) -> Caller:
        """Give the user of the header, or the default one."""
        return Caller(ANONYMOUS, user_in(headers) or self.default_user)
