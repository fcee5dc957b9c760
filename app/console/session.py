"""Sessions of the console: the key that was shown, sealed into a cookie, so that no process has to store any."""

import hmac
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from hashlib import sha256
from secrets import token_urlsafe

import msgspec
from msgspec import Struct

from app.settings.model import KeySettings


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
    """Hold what a cookie seals: the `key`'s id, a `mark` for its hash, and the end `until` in seconds since 1970."""

    key: str
    mark: str
    until: int
    nonce: str


class Session(Struct, frozen=True):
    """Hold a session: `key` is the id of the key that was shown, `cookie` the browser's, and `form` goes into forms."""

    key: str
    cookie: str
    form: str


class Sessions:
    """Begin sessions, and recognise them: for `SESSION_SECONDS`, and while their key is configured unchanged."""

    def __init__(self, secret: bytes, keys: Mapping[str, KeySettings], now: Callable[[], float] = time.time) -> None:
        self._seal = Seal(secret)
        self._keys = keys
        self._now = now

    def begin(self, key: str) -> Session:
        """Begin a session for the holder of this key."""
        until = int(self._now()) + SESSION_SECONDS
        content = _Content(key, self._mark(key), until, token_urlsafe(_NONCE_BYTES))
        return self._session(key, self._seal.close(_SESSION, msgspec.json.encode(content)))

    def resume(self, cookie: str) -> Session | None:
        """Return the session of a cookie, None if the cookie is invalid or expired."""
        payload = self._seal.open(_SESSION, cookie)
        if payload is None:
            return None
        content = msgspec.json.decode(payload, type=_Content)
        if content.until <= self._now() or content.mark != self._mark(content.key):
            return None
        return self._session(content.key, cookie)

    def notice(self, text: str) -> str:
        """Return a sealed notice, by which the next page shows what was done."""
        return self._seal.close(_NOTICE, text.encode())

    def read_notice(self, sealed: str) -> str | None:
        """Return what was done, None if the notice is invalid or expired."""
        payload = self._seal.open(_NOTICE, sealed)
        return None if payload is None else payload.decode()

    def _session(self, key: str, cookie: str) -> Session:
        return Session(key, cookie, self._seal.mark(_FORM, cookie))

    def _mark(self, key: str) -> str:
        """Return a mark that changes when another key takes the name, which invalidates the former sessions."""
        known = self._keys.get(key)
        return "" if known is None else self._seal.mark(_KEY, known.hash)
