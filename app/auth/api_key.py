"""Authentication by API key: the keys that are known now, looked up by their hash."""

import time
from collections.abc import Callable, Mapping

from msgspec import Struct

from app.auth.allowed_users import AllowedUsers
from app.auth.caller import Identity
from app.auth.credentials import Credential
from app.auth.keys import HASH_PREFIX, MAX_KEY_CHARS, PEPPERED_PREFIX, Pepper, hash_key, key_id_in
from app.auth.refusals import CallerRefused
from app.settings.auth import KeySettings, scopes_of

HOUR = 3600
_NOBODY = "This API key is not known"


class _Secret(Struct, frozen=True):
    """Hold whom one secret of a key proves, and until when, in seconds since 1970; `revoked` if it proves nobody."""

    identity: Identity
    until: float
    revoked: bool


class KeyTable:
    """Find keys by the hash of what is shown, so that the time it takes reveals nothing about a key."""

    def __init__(self, keys: Mapping[str, KeySettings], pepper: Pepper | None) -> None:
        self._pepper = pepper
        self._by_digest: dict[bytes, _Secret] = {}
        self._by_bare_hash: dict[str, _Secret] = {}
        self._by_id: dict[str, list[_Secret]] = {}
        # Keys that can match nothing, since another pepper made their hashes.
        self.of_another_pepper: list[str] = []
        for name, key in keys.items():
            self._add(name, key)

    def secret_of(self, key: str) -> _Secret | None:
        """Return what is known of the secret in a key, None if nothing is."""
        if len(key) > MAX_KEY_CHARS:
            return None
        if self._pepper is not None and (found := self._by_digest.get(self._pepper.digest(key))) is not None:
            return found
        return self._by_bare_hash.get(hash_key(key)) if self._by_bare_hash else None

    def secrets_of(self, name: str) -> list[_Secret]:
        """Return the secrets of a key, those that count no more among them."""
        return self._by_id.get(name, [])

    def _add(self, name: str, key: KeySettings) -> None:
        expires = None if key.expires is None else key.expires.timestamp()
        former_until = None if key.former_until is None else key.former_until.timestamp()
        scopes, users = scopes_of(key.scopes), users_of(key)
        for place, text in enumerate(key.hashes):
            ends = [end for end in (expires, former_until if place else None) if end is not None]
            proof = text if key.renewed is None else f"{text} since {key.renewed.isoformat()}"
            identity = Identity(name, scopes, users, key.tenant, min(ends, default=None), proof, key=name)
            secret = _Secret(identity, min(ends, default=float("inf")), key.revoked is not None)
            self._by_id.setdefault(name, []).append(secret)
            if text.startswith(HASH_PREFIX):
                self._by_bare_hash[text] = secret
            elif self._pepper is not None and text.startswith(f"{PEPPERED_PREFIX}{self._pepper.id}:"):
                self._by_digest[bytes.fromhex(text.rpartition(":")[2])] = secret
            else:
                self.of_another_pepper.append(name)


class ApiKeys:
    """Identify callers by their key; `table` is replaced as a whole when the keys change.

    `used` holds the hour of the last use of each key, in hours since 1970.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.table = KeyTable({}, None)
        self.used: dict[str, int] = {}
        self._now = now

    def takes(self, credential: Credential) -> bool:  # noqa: ARG002 - keys of before had any form
        """Return True: a key may come in either header, and in any form."""
        return True

    def identify(self, credential: Credential) -> Identity:
        """Return whom a key stands for; raise `CallerRefused` if it is not known, or counts no more."""
        key = credential.text
        found = self.table.secret_of(key)
        if found is None:
            raise CallerRefused("malformed" if key_id_in(key) is None else "unknown", _NOBODY)
        now = self._now()
        name = found.identity.id
        # Whoever has the secret may know what became of it.
        if found.revoked:
            raise CallerRefused("revoked", "This API key was revoked", caller=name)
        if now >= found.until:
            raise CallerRefused("expired", "This API key has expired", caller=name)
        self.used[name] = int(now) // HOUR
        return found.identity

    def resume(self, caller: str, proves: Callable[[str], bool]) -> Identity | None:
        """Return the identity that a session stands for, while the secret that was shown for it counts."""
        for secret in self.table.secrets_of(caller):
            if proves(secret.identity.proof):
                return None if secret.revoked or self._now() >= secret.until else secret.identity
        return None


def users_of(key: KeySettings) -> AllowedUsers:
    """Return the users that a key speaks for."""
    named = frozenset([*([] if key.user is None else [key.user]), *key.users])
    return AllowedUsers(only=named or None, prefix=key.user_prefix, default=key.user, reads=frozenset(key.reads))
