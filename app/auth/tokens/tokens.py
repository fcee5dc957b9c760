"""Authentication by token (JWT): verified with the keys of its issuer, and remembered until it ends."""

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from hashlib import sha256

from msgspec import Struct

from app.auth.caller import Identity
from app.auth.credentials import Credential
from app.auth.refusals import CallerRefused
from app.auth.tokens.claims import Claims, TokenHead, check, identity_of, part_of
from app.auth.tokens.issuer import Issuer
from app.auth.tokens.key_set import KeySet, is_signed

MAX_TOKEN_CHARS = 8_192  # of heads as a whole servers rarely take more
MOST_SEEN = 10_000  # tokens that are remembered; the one that was verified longest ago is forgotten

# A head is a JSON object, and so begins with this; a signature may be missing, which is refused later.
_TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_UNKNOWN = "This token is of no issuer that is known here, or not signed by it"


class _Seen(Struct, frozen=True):
    """Hold whom a token proves, `until` seconds since 1970, and the keys that it was verified with."""

    identity: Identity
    until: float
    issuer: Issuer
    keys: KeySet


class Tokens:
    """Identify callers by their token; `now` is in seconds since 1970, and `most` tokens are remembered."""

    def __init__(self, issuers: Sequence[Issuer], now: Callable[[], float] = time.time, most: int = MOST_SEEN) -> None:
        self._issuers = {issuer.settings.issuer: issuer for issuer in issuers}
        self._now, self._most = now, most
        self._seen: OrderedDict[bytes, _Seen] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seen)

    def takes(self, credential: Credential) -> bool:
        """Return whether this is a bearer token in the form of a JWT."""
        return credential.bearer and _TOKEN.fullmatch(credential.text) is not None

    def identify(self, credential: Credential) -> Identity:
        """Return whom a token proves; raise `CallerRefused` if it proves nobody."""
        token = credential.text
        if len(token) > MAX_TOKEN_CHARS:
            raise CallerRefused("malformed", f"A token has at most {MAX_TOKEN_CHARS} characters")
        digest = sha256(token.encode()).digest()
        now = self._now()
        seen = self._seen.get(digest)
        # A key that its issuer has withdrawn proves nothing any more.
        if seen is not None and now < seen.until and seen.keys is seen.issuer.keys:
            return seen.identity
        self._seen.pop(digest, None)
        verified = self._verified(token, now)
        self._seen[digest] = verified
        if len(self._seen) > self._most:
            self._seen.popitem(last=False)
        return verified.identity

    def resume(self, caller: str, proves: Callable[[str], bool]) -> None:
        """Know no sessions: a token is shown with every request."""

    def _verified(self, token: str, now: float) -> _Seen:
        head, claims = part_of(token, 0, TokenHead), part_of(token, 1, Claims)
        issuer = self._issuers.get(claims.iss)
        if issuer is None:
            raise CallerRefused("unknown", _UNKNOWN)
        if head.alg not in issuer.settings.algorithms:
            raise CallerRefused("malformed", "This token is signed by an algorithm that is not accepted here")
        keys = issuer.keys
        key = None if keys is None else keys.key_for(head.kid, head.alg)
        if keys is None or key is None:
            if issuer.want():
                raise CallerRefused("issuer", "The keys of the token's issuer are being looked for; try again")
            raise CallerRefused("unknown", _UNKNOWN)
        if not is_signed(token, key):
            raise CallerRefused("unknown", _UNKNOWN)
        check(claims, issuer.settings, now)
        identity = identity_of(token, claims, issuer.settings)
        return _Seen(identity, claims.exp + issuer.settings.leeway, issuer, keys)
