"""No authentication: any client that reaches the service may call it, for the user that it names."""

from collections.abc import Callable, Mapping
from typing import Any

from app.auth.allowed_users import AllowedUsers
from app.auth.caller import Identity
from app.auth.credentials import Credential
from app.auth.loopback import require_loopback_name
from app.auth.origin import require_own_page
from app.settings.auth import SCOPES

ANONYMOUS = "anonymous"
_CHANGES_NOTHING = frozenset({"GET", "HEAD", "OPTIONS"})  # and the browser shows the answer to no other site


class AnonymousAuthenticator:
    """Accept every caller; the settings allow this on a loopback address alone."""

    def __init__(self, default_user: str) -> None:
        self._everybody = Identity(ANONYMOUS, frozenset(SCOPES), AllowedUsers(default=default_user))

    def recognize(self, headers: Mapping[str, str], scope: Mapping[str, Any]) -> None:
        """Know nobody: callers are told apart by their address."""

    def identify(self, method: str, headers: Mapping[str, str], shown: Credential | None) -> Identity:  # noqa: ARG002 - nothing is asked for
        """Return the one identity that all callers share.

        Raises:
            RequestError: the request names a host that is not this machine, or a page of another site would change
                something.
        """
        require_loopback_name(headers)
        if method not in _CHANGES_NOTHING:
            require_own_page(headers)
        return self._everybody

    def resume(self, caller: str, proves: Callable[[str], bool]) -> Identity:  # noqa: ARG002 - as above
        """Return that identity: no session is needed."""
        return self._everybody
