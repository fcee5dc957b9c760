"""Sessions of the console: who has shown which key, sealed into a cookie, so that no process has to remember any."""

import time
from collections.abc import Callable, Mapping
from secrets import token_urlsafe

import msgspec
from msgspec import Struct

from app.console.sealing import Seal
from app.settings.model import KeySettings

SESSION_SECONDS = 8 * 3_600  # a working day, from the login on
NOTICE_SECONDS = 60  # from an action to the page that tells of it
NOBODY = ""  # whom the login form is shown to; no key can be called so

_SESSION, _FORM, _KEY, _NOTICE = "session", "form", "key", "notice"
_NONCE_BYTES = 16


class _Content(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """`key` is the id of the key, `mark` stands for its hash; `until` is seconds since 1970."""

    key: str
    mark: str
    until: int
    nonce: str


class Session(Struct, frozen=True):
    """`key` is the id of the key that was shown; `cookie` is what the browser keeps, and `form` goes into each form."""

    key: str
    cookie: str
    form: str


class Sessions:
    """Begin sessions, and recognise them: for `SESSION_SECONDS`, and while their key is configured as it was."""

    def __init__(self, secret: bytes, keys: Mapping[str, KeySettings], now: Callable[[], float] = time.time) -> None:
        self._seal = Seal(secret)
        self._keys = keys
        self._now = now

    def begin(self, key: str) -> Session:
        """Begin a session for who has shown this key."""
        until = int(self._now()) + SESSION_SECONDS
        content = _Content(key, self._mark(key), until, token_urlsafe(_NONCE_BYTES))
        return self._session(key, self._seal.close(_SESSION, msgspec.json.encode(content)))

    def resume(self, cookie: str) -> Session | None:
        """Return the session of a cookie, None if it is none that still holds."""
        payload = self._seal.open(_SESSION, cookie)
        if payload is None:
            return None
        content = msgspec.json.decode(payload, type=_Content)
        if content.until <= self._now() or content.mark != self._mark(content.key):
            return None
        return self._session(content.key, cookie)

    def notice(self, text: str) -> str:
        """Return a notice for the next page, sealed."""
        return self._seal.close(_NOTICE, text.encode())

    def read_notice(self, sealed: str) -> str | None:
        """Return the text of a notice, None if it is invalid."""
        payload = self._seal.open(_NOTICE, sealed)
        return None if payload is None else payload.decode()

    def _session(self, key: str, cookie: str) -> Session:
        return Session(key, cookie, self._seal.mark(_FORM, cookie))

    def _mark(self, key: str) -> str:
        """Return a mark of the key, which changes with it, so that earlier sessions become invalid."""
        known = self._keys.get(key)
        return "" if known is None else self._seal.mark(_KEY, known.hash)
