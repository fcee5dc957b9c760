"""Sealing of texts that a browser returns: a text that was changed or made up is refused."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256


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
