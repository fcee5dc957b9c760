"""Authentication by API key: `Authorization: Bearer KEY` (or `Token KEY`) or `X-API-Key: KEY`, looked up by hash."""

from collections.abc import Mapping

from app.auth.caller import USER_HEADER, Identity, user_in
from app.auth.keys import hash_key
from app.http.problems import FORBIDDEN, UNAUTHENTICATED, RequestError
from app.settings.model import KeySettings
from providers.errors import InvalidInput

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="ninai"'}
_SCHEMES = frozenset({"bearer", "token"})  # the clients of mem0 send the latter


class ApiKeyAuthenticator:
    """Identify callers by their key, looked up by its hash, so that the time it takes reveals nothing about a key."""

    def __init__(self, keys: Mapping[str, KeySettings]) -> None:
        self._by_hash = {key.hash: Identity(name, frozenset(key.scopes), key.user) for name, key in keys.items()}

    def identify(self, method: str, headers: Mapping[str, str]) -> Identity:  # noqa: ARG002 - a key opens all of them
        """Return the key's name and scopes."""
        key = key_in(headers)
        if key is None:
            raise RequestError(UNAUTHENTICATED, "Send an API key: Authorization: Bearer KEY", headers=CHALLENGE)
        known = self._by_hash.get(hash_key(key))
        if known is None:
            raise RequestError(UNAUTHENTICATED, "This API key is not known", headers=CHALLENGE)
        return known

    def recognize(self, headers: Mapping[str, str]) -> str | None:
        """Return the name of the key that is shown, if there is such a key."""
        key = key_in(headers)
        known = None if key is None else self._by_hash.get(hash_key(key))
        return None if known is None else known.id

    def user_of(self, identity: Identity, headers: Mapping[str, str]) -> str:
        """Return the key's own user, or the one that the header names."""
        named = user_in(headers)
        if identity.user is None:
            if named is None:
                raise InvalidInput(USER_HEADER, "is required with this key")
            return named
        if named not in {None, identity.user}:
            detail = f"This API key is for its own user alone; leave {USER_HEADER} out"
            raise RequestError(FORBIDDEN, detail, field=USER_HEADER)
        return identity.user


def key_in(headers: Mapping[str, str]) -> str | None:
    """Return the key that the request shows, None if there is none."""
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() in _SCHEMES and credentials.strip():
        return credentials.strip()
    return headers.get("x-api-key") or None
