"""The credential that a request shows: exactly one, or none."""

from collections.abc import Mapping
from typing import Any, Protocol

from msgspec import Struct

from app.auth.contexts.signature import CONTEXT_HEADER, SIGNATURE_HEADER
from app.auth.refusals import CallerRefused

API_KEY_HEADER = "x-api-key"
AUTHORIZATION_HEADER = "authorization"
_SCHEMES = frozenset({"bearer", "token"})  # the clients of mem0 send the latter
CREDENTIAL_HEADERS = (AUTHORIZATION_HEADER, API_KEY_HEADER)
CONTEXT_HEADERS = (CONTEXT_HEADER, SIGNATURE_HEADER)


class Context(Struct, frozen=True):
    """Hold the user that a request names beside its signature, and what else of it a signature may be for.

    `user` is as the header has it, None without one; `target` is the path with the query, as it was sent.
    """

    user: str | None
    method: str
    target: bytes


class Credential(Struct, frozen=True):
    """Hold what a caller shows to prove who it is; `bearer` if it came as a bearer token, which is not always a key.

    With a `context` it is the signature of that.
    """

    text: str
    bearer: bool = False
    context: Context | None = None

    def __repr__(self) -> str:
        return "Credential()"  # it must not get into a log by accident


class ManyHeaders(Protocol):
    """Describe headers of which one may come several times."""

    def getall(self, key: str, default: list[str]) -> list[str]:
        """Return the values of all headers with this name."""


def credential_in(headers: ManyHeaders, signed: Mapping[str, Any] | None = None) -> Credential | None:
    """Return what the request shows, None if it shows nothing that could be a credential.

    Where users may be signed, `signed` is the scope of the request; elsewhere those headers are not heeded.

    Raises:
        CallerRefused: it shows more than one. Which of them counts would depend on the reader, and a proxy in front may
            have checked the other.
    """
    shown = [(name, value) for name in CREDENTIAL_HEADERS for value in headers.getall(name, [])]
    users, signatures = (headers.getall(name, []) if signed is not None else [] for name in CONTEXT_HEADERS)
    if len(shown) + max(len(users), len(signatures)) > 1:
        kinds = "either Authorization or X-API-Key" if signed is None else "Authorization, X-API-Key or X-Signature"
        raise CallerRefused("several", f"Send one credential: {kinds}, and once")
    if signed is not None and (users or signatures):
        return _signature("".join(signatures), "".join(users) if users else None, signed)
    return None if not shown else _credential(*shown[0])


def first_credential(shown: Mapping[str, str], scope: Mapping[str, Any]) -> Credential | None:
    """Return what a request seems to show, for purposes that admit nobody."""
    if SIGNATURE_HEADER in shown:
        return _signature(shown[SIGNATURE_HEADER], shown.get(CONTEXT_HEADER), scope)
    for name in CREDENTIAL_HEADERS:
        if name in shown and (found := _credential(name, shown[name])) is not None:
            return found
    return None


def _signature(text: str, user: str | None, scope: Mapping[str, Any]) -> Credential:
    target: bytes = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
    return Credential(text, context=Context(user, scope["method"], target))


def _credential(name: str, value: str) -> Credential | None:
    if name == API_KEY_HEADER:
        return Credential(value) if value else None
    scheme, _, text = value.partition(" ")
    return (
        Credential(text.strip(), bearer=scheme.lower() == "bearer")
        if scheme.lower() in _SCHEMES and text.strip()
        else None
    )
