"""Authentication by what a request shows: the first kind of credential that takes it decides."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.auth.caller import CredentialKind, Identity
from app.auth.credentials import Credential, first_credential
from app.auth.refusals import CallerRefused
from providers.errors import InvalidInput


class CredentialAuthenticator:
    """Identify callers by their credential; the order of the kinds is that in which they are asked.

    `asked_for` is what a caller is told to send that sends none.
    """

    def __init__(
        self, kinds: Sequence[CredentialKind], asked_for: str = "an API key: Authorization: Bearer KEY"
    ) -> None:
        self._kinds, self._asked_for = kinds, asked_for

    def recognize(self, headers: Mapping[str, str], scope: Mapping[str, Any]) -> str | None:
        """Return the id of the caller that shows these headers, None if it is not known; nobody is admitted by it."""
        shown = first_credential(headers, scope)
        try:
            return None if shown is None else self._identified(shown).id
        except (CallerRefused, InvalidInput):
            return None

    def identify(self, method: str, headers: Mapping[str, str], shown: Credential | None) -> Identity:  # noqa: ARG002 - a credential counts for all of them
        """Return whom the credential proves; raise `CallerRefused` if it proves nobody."""
        if shown is None:
            raise CallerRefused("missing", f"Send {self._asked_for}")
        return self._identified(shown)

    def resume(self, caller: str, proves: Callable[[str], bool]) -> Identity | None:
        """Return the identity that a session stands for, None if no kind knows it any more."""
        found = (kind.resume(caller, proves) for kind in self._kinds)
        return next((identity for identity in found if identity is not None), None)

    def _identified(self, shown: Credential) -> Identity:
        for kind in self._kinds:
            if kind.takes(shown):
                return kind.identify(shown)
        raise CallerRefused("malformed", "This credential is of no kind that the service takes")
