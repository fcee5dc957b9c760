"""API keys: how one is made and read, and the hash that stands for it in the configuration."""

import hashlib
import hmac
import re
import secrets
import string
from binascii import crc32

from msgspec import Struct

KEY_PREFIX = "ninai_"  # secret scanners find a leaked key by it
MAX_KEY_ID_CHARS = 64
MAX_KEY_CHARS = 512  # of what is hashed to look for a key; those of before had any form
SECRET_CHARS = 43  # of 62 different ones: 256 random bits
CHECKSUM_CHARS = 6
HASH_PREFIX = "sha256:"
PEPPERED_PREFIX = "hmac-sha256:"
HASH_PATTERN = r"^(sha256:|hmac-sha256:[0-9a-f]{8}:)[0-9a-f]{64}\Z"

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_KEY = re.compile(
    rf"{KEY_PREFIX}(?P<id>[A-Za-z0-9_-]{{1,{MAX_KEY_ID_CHARS}}})"
    rf"_[A-Za-z0-9]{{{SECRET_CHARS}}}_[A-Za-z0-9]{{{CHECKSUM_CHARS}}}"
)
_PEPPER_ID_CHARS = 8


def new_key(key_id: str) -> str:
    """Make a key, `ninai_ID_SECRET_CHECKSUM`: the checksum tells a mistyped or cut key from an unknown one.

    Raises:
        ValueError: the id is longer than 64 characters, or has others than letters, digits, underscores and dashes.
    """
    secret = "".join(secrets.choice(_ALPHABET) for _ in range(SECRET_CHARS))
    body = f"{KEY_PREFIX}{key_id}_{secret}"
    key = f"{body}_{_checksum(body)}"
    if _KEY.fullmatch(key) is None:
        raise ValueError(f"expected an id of up to {MAX_KEY_ID_CHARS} letters, digits, underscores and dashes")
    return key


def key_id_in(key: str) -> str | None:
    """Return the id that a key carries, None if this is no whole key; the id alone proves nothing."""
    if len(key) > MAX_KEY_CHARS:
        return None
    found = _KEY.fullmatch(key)
    if found is None:
        return None
    body, _, checksum = key.rpartition("_")
    return found["id"] if checksum == _checksum(body) else None


def _checksum(body: str) -> str:
    """Return the CRC-32 of the text before it, in base 62."""
    rest, digits = crc32(body.encode()), ""
    for _ in range(CHECKSUM_CHARS):
        rest, digit = divmod(rest, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits


def hash_key(key: str) -> str:
    """Return `sha256:` and 64 hex digits: the hash without a pepper, as configurations of before hold it."""
    return HASH_PREFIX + hashlib.sha256(_bytes_of(key)).hexdigest()


class Pepper(Struct, frozen=True):
    """Hash keys with a secret, so that whoever reads the hashes alone can neither use nor compare them."""

    secret: bytes

    @property
    def id(self) -> str:
        """Return 8 hex digits by which the hashes of two peppers differ."""
        return hmac.digest(self.secret, b"id of the pepper", "sha256").hex()[:_PEPPER_ID_CHARS]

    def hash(self, key: str) -> str:
        """Return `hmac-sha256:`, the id of the pepper, and 64 hex digits."""
        return f"{PEPPERED_PREFIX}{self.id}:{self.digest(key).hex()}"

    def digest(self, key: str) -> bytes:
        """Return the HMAC-SHA-256 of a key."""
        return hmac.digest(self.secret, _bytes_of(key), "sha256")

    def derived(self, purpose: str) -> bytes:
        """Return a secret for another purpose, from which neither the pepper nor a hash of a key can be computed."""
        return hmac.digest(self.secret, f"secret for {purpose}".encode(), "sha256")

    def __repr__(self) -> str:
        return f"Pepper({self.id})"


def _bytes_of(key: str) -> bytes:
    return key.encode(errors="backslashreplace")  # a header or a form may hold what is no text
