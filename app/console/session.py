"""Sessions of the console: the key that was shown, sealed into a cookie, so that no process has to store any."""

import time
from collections.abc import Callable, Mapping
from secrets import token_urlsafe

import msgspec
from msgspec import Struct

from app.console.sealing import Seal
from app.settings.model import KeySettings

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
