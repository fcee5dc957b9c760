"""The credential that a request shows: exactly one, or none."""

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from app.auth.refusals import CallerRefused

API_KEY_HEADER = "x-api-key"
AUTHORIZATION_HEADER = "authorization"
_SCHEMES = frozenset({"bearer", "token"})  # the clients of mem0 send the latter
CREDENTIAL_HEADERS = (AUTHORIZATION_HEADER, API_KEY_HEADER)


class Credential(Struct, frozen=True):
    """Hold what a caller shows to prove who it is; `bearer` if it came as a bearer token, which is not always a key."""

    text: str
    bearer: bool = False

    def __repr__(self) -> str:
        return "Credential()"  # it must not get into a log by accident


class ManyHeaders(Protocol):
    """Describe headers of which one may come several times."""

    def getall(self, key: str, default: list[str]) -> list[str]:
        """Return the values of all headers with this name."""


def credential_in(headers: ManyHeaders) -> Credential | None:
    """Return what the request shows, None if it shows nothing that could be a credential.

    Raises:
        CallerRefused: it shows more than one. Which of them counts would depend on the reader, and a proxy in front may
            have checked the other.
    """
    shown = [(name, value) for name in CREDENTIAL_HEADERS for value in headers.getall(name, [])]
    if len(shown) > 1:
        raise CallerRefused("several", "Send one credential: either Authorization or X-API-Key, and once")
    return None if not shown else _credential(*shown[0])


def first_credential(shown: Mapping[str, str]) -> Credential | None:
    """Return what a request seems to show, for purposes that admit nobody."""
    for name in CREDENTIAL_HEADERS:
        if name in shown and (found := _credential(name, shown[name])) is not None:
            return found
    return None


def _credential(name: str, value: str) -> Credential | None:
    if name == API_KEY_HEADER:
        return Credential(value) if value else None
    scheme, _, text = value.partition(" ")
    return (
        Credential(text.strip(), bearer=scheme.lower() == "bearer")
        if scheme.lower() in _SCHEMES and text.strip()
        else None
    )
