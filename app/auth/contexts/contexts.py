"""Authentication by signed user context: whoever shares a secret with the service names the user of each request."""

import hmac
import time
from collections.abc import Callable, Mapping

from app.auth.allowed_users import AllowedUsers
from app.auth.caller import Identity, Once
from app.auth.contexts.signature import Signed, first_text, mac, read_signature
from app.auth.credentials import Context, Credential
from app.auth.refusals import CallerRefused
from app.settings.auth import ContextSettings, scopes_of
from providers.errors import InvalidInput
from providers.limits import check_user_id

ID_PREFIX = "context:"  # which no name of a key has
_SHOWN = "signed context"
_MALFORMED = "X-User-Context and X-Signature belong together: a user, and 64 hex digits or `v2 key=...`"
_UNKNOWN = "This signature is of no key that is known here, or not for this request"


class SignedContexts:
    """Identify callers by a signature over the user; `now` is in seconds since 1970."""

    def __init__(self, contexts: Mapping[str, ContextSettings], now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._first = {name: one for name, one in contexts.items() if one.version == 1}
        self._second = {name: one for name, one in contexts.items() if one.version == 2}  # noqa: PLR2004 - the version

    def takes(self, credential: Credential) -> bool:
        """Return whether this is a signed context."""
        return credential.context is not None

    def identify(self, credential: Credential) -> Identity:
        """Return whom a signature proves; raise `CallerRefused` if it proves nobody."""
        context = credential.context
        read = None if context is None else read_signature(credential.text)
        if context is None or context.user is None or read is None:
            raise CallerRefused("malformed", _MALFORMED)
        user = context.user.encode("latin-1")
        if isinstance(read, Signed):
            name, once, body = self._of_second(read, context, user)
            settings = self._second[name]
        else:
            name, once, body = self._of_first(read, user), None, None
            settings = self._first[name]
        users = AllowedUsers(frozenset({_named(user)}), default=_named(user), shown=_SHOWN)
        return Identity(
            ID_PREFIX + name,
            scopes_of(settings.scopes),
            users,
            settings.tenant,
            once=once,
            body_digest=body,
            key=name,
        )

    def resume(self, caller: str, proves: Callable[[str], bool]) -> None:
        """Know no sessions: a request is signed, not a visit."""

    def _of_first(self, signature: str, user: bytes) -> str:
        text = first_text(user)
        for name, settings in self._first.items():
            if _is_signed(signature, text, settings):
                return name
        raise CallerRefused("unknown", _UNKNOWN)

    def _of_second(self, read: Signed, context: Context, user: bytes) -> tuple[str, Once, str]:
        settings = self._second.get(read.key)
        if settings is None or not _is_signed(
            read.signature, read.text(context.method, context.target, user), settings
        ):
            raise CallerRefused("unknown", _UNKNOWN)
        caller, age = ID_PREFIX + read.key, self._now() - int(read.time)
        if age > settings.max_age:
            detail = f"This request was signed more than {settings.max_age} seconds ago: sign it anew"
            raise CallerRefused("expired", detail, caller=caller)
        if age < -settings.max_age:
            detail = f"This request was signed more than {settings.max_age} seconds ahead of the service's clock"
            raise CallerRefused("early", detail, caller=caller)
        # It can come until its age is `max_age`, which is so far away at most, and a second for rounding.
        return read.key, Once(f"nonce {read.key} {read.nonce}", 2 * settings.max_age + 1.0), read.body


def _is_signed(signature: str, text: bytes, settings: ContextSettings) -> bool:
    return any(hmac.compare_digest(signature, mac(secret.reveal(), text)) for secret in settings.secrets)


def _named(user: bytes) -> str:
    """Return the user that was signed, whom the signer may have misspelled.

    Raises:
        InvalidInput: it is no user's id.
    """
    try:
        named = user.decode()
    except UnicodeDecodeError:
        raise InvalidInput("X-User-Context", "must be UTF-8") from None
    try:
        check_user_id(named)
    except InvalidInput as error:
        raise InvalidInput("X-User-Context", error.reason) from None
    return named
