"""What a signed user context is: its two headers, and the text that is signed, in both versions."""

import hmac
import re
from base64 import urlsafe_b64encode
from hashlib import sha256
from secrets import token_bytes

from msgspec import Struct

CONTEXT_HEADER = "x-user-context"
SIGNATURE_HEADER = "x-signature"
MAX_NONCE_CHARS = 64
NONCE_BYTES = 16

_DIGEST = r"[0-9a-f]{64}"
_FIRST = re.compile(_DIGEST)
_SECOND = re.compile(
    r"v2 key=(?P<key>[A-Za-z0-9_-]{1,64}),time=(?P<time>[0-9]{1,12}),"
    rf"nonce=(?P<nonce>[A-Za-z0-9_-]{{{NONCE_BYTES},{MAX_NONCE_CHARS}}}),"
    rf"body=(?P<body>{_DIGEST}),signature=(?P<signature>{_DIGEST})"
)


class Signed(Struct, frozen=True):
    """Hold a signature of version 2 as its header has it; `time` is in seconds since 1970, `body` a SHA-256."""

    key: str
    time: str
    nonce: str
    body: str
    signature: str

    def text(self, method: str, target: bytes, user: bytes) -> bytes:
        """Return what is signed; `target` is the path with the query, as it is sent."""
        parts = ("ninai-context-v2", self.key, self.time, self.nonce, method)
        return b"\n".join((*(part.encode() for part in parts), target, self.body.encode(), user))

    @property
    def header(self) -> str:
        """The value of the header `X-Signature`."""
        return f"v2 key={self.key},time={self.time},nonce={self.nonce},body={self.body},signature={self.signature}"


def read_signature(header: str) -> Signed | str | None:
    """Return a signature of version 2, the text of one of version 1, or None for what is neither."""
    if (second := _SECOND.fullmatch(header)) is not None:
        return Signed(**second.groupdict())
    return header if _FIRST.fullmatch(header) else None


def first_text(user: bytes) -> bytes:
    """Return what version 1 signs."""
    return b"user:" + user


def mac(secret: str, text: bytes) -> str:
    """Return the HMAC-SHA-256 of a text in 64 hex digits."""
    return hmac.digest(secret.encode(), text, "sha256").hex()


def signed(key: str, secret: str, user: str, method: str, target: str, body: bytes, time: int) -> dict[str, str]:
    """Return the headers that sign a request in version 2, with a nonce by chance; `target` as of `Signed.text`."""
    nonce = urlsafe_b64encode(token_bytes(NONCE_BYTES)).decode().rstrip("=")
    unsigned = Signed(key, str(time), nonce, sha256(body).hexdigest(), "")
    signature = mac(secret, unsigned.text(method, target.encode("ascii"), user.encode()))
    whole = Signed(key, unsigned.time, nonce, unsigned.body, signature)
    return {CONTEXT_HEADER: user, SIGNATURE_HEADER: whole.header}
