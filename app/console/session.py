"""Sessions of the console: the key that was shown, sealed into a cookie, so that only their early end is stored."""

import asyncio
import hmac
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from secrets import token_urlsafe

import msgspec
from msgspec import Struct

from app.auth.caller import Authenticator, Identity
from app.console.ended_sessions import EndedSessions


class Seal:
    """Sign with one secret; a text sealed for one purpose is not valid for another.

    A sealed text is `PAYLOAD.SIGNATURE`, both base64url; the signature is HMAC-SHA-256, the payload can be read.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def close(self, purpose: str, payload: bytes) -> str:
        """Return the sealed payload."""
        text = _encoded(payload)
        return f"{text}.{self.mark(purpose, text)}"

    def open(self, purpose: str, sealed: str) -> bytes | None:
        """Return the payload, None if it was not sealed with this secret for this purpose."""
        text, _, mark = sealed.partition(".")
        if not hmac.compare_digest(mark.encode(), self.mark(purpose, text).encode()):
            return None
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))

    def mark(self, purpose: str, text: str) -> str:
        """Return the signature of a text, which only the holder of the secret can compute."""
        return _encoded(hmac.digest(self._secret, f"{purpose}\0{text}".encode(), sha256))


def _encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


SESSION_SECONDS = 8 * 3_600  # a working day, from the login on
NOTICE_SECONDS = 60  # from an action to the page that shows its result
NO_KEY = ""  # the session that the login form is shown in; no key can have this name

_SESSION, _FORM, _KEY, _NOTICE = "session", "form", "key", "notice"
_NONCE_BYTES = 16


class _Content(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Hold what a cookie seals: the `key`'s id, a `mark` for its secret, and the end `until` in seconds since 1970."""

    key: str
    mark: str
    until: int
    nonce: str


class Session(Struct, frozen=True):
    """Hold a session: `key` is the id of the key that was shown, `cookie` the browser's, and `form` goes into forms.

    `identity` is what the key grants now, None in the session of nobody.
    """

    key: str
    cookie: str
    form: str
    identity: Identity | None


class Sessions:
    """Begin sessions, and recognise them: for `SESSION_SECONDS`, and while the secret that was shown counts.

    `authenticator` knows the latter, and `ended` which sessions were ended before their time.
    """

    def __init__(
        self, secret: bytes, authenticator: Authenticator, ended: EndedSessions, now: Callable[[], float] = time.time
    ) -> None:
        self._seal = Seal(secret)
        self._authenticator, self._ended = authenticator, ended
        self._now = now

    def begin(self, identity: Identity) -> Session:
        """Begin a session for whoever was authenticated."""
        return self._begin(identity.id, self._mark(identity.proof), identity)

    def begin_for_nobody(self) -> Session:
        """Begin the session that the login form is shown in."""
        return self._begin(NO_KEY, "", None)

    async def resume(self, cookie: str) -> Session | None:
        """Return the session of a cookie, None if the cookie is invalid or expired, or the session has ended."""
        content = self._read(cookie)
        if content is None or content.until <= self._now():
            return None
        if content.key == NO_KEY:
            return self._session(content.key, cookie, None)
        identity = self._authenticator.resume(content.key, lambda proof: self._mark(proof) == content.mark)
        # The file system is asked last, about sessions that this service began.
        if identity is None or await asyncio.to_thread(self._ended.holds, content.nonce):
            return None
        return self._session(content.key, cookie, identity)

    async def end(self, cookie: str) -> None:
        """End a session for good, in every process that shares the data folder."""
        content = self._read(cookie)
        if content is not None and content.key != NO_KEY:
            await asyncio.to_thread(self._ended.add, content.nonce)

    def notice(self, text: str) -> str:
        """Return a sealed notice, by which the next page shows what was done."""
        return self._seal.close(_NOTICE, text.encode())

    def read_notice(self, sealed: str) -> str | None:
        """Return what was done, None if the notice is invalid or expired."""
        payload = self._seal.open(_NOTICE, sealed)
        return None if payload is None else payload.decode()

    def _begin(self, key: str, mark: str, identity: Identity | None) -> Session:
        until = int(self._now()) + SESSION_SECONDS
        content = _Content(key, mark, until, token_urlsafe(_NONCE_BYTES))
        return self._session(key, self._seal.close(_SESSION, msgspec.json.encode(content)), identity)

    def _read(self, cookie: str) -> _Content | None:
        payload = self._seal.open(_SESSION, cookie)
        return None if payload is None else msgspec.json.decode(payload, type=_Content)

    def _session(self, key: str, cookie: str, identity: Identity | None) -> Session:
        return Session(key, cookie, self._seal.mark(_FORM, cookie), identity)

    def _mark(self, proof: str) -> str:
        """Return a mark that only the secret which was shown has, so that a session ends with it."""
        return self._seal.mark(_KEY, proof)
