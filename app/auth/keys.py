"""API keys: how one is made, and the hash that stands for it in the configuration."""

import hashlib
import secrets

KEY_PREFIX = "ninai_"  # secret scanners find a leaked key by it
KEY_BYTES = 32
HASH_PREFIX = "sha256:"
HASH_PATTERN = r"^sha256:[0-9a-f]{64}\Z"


def new_key() -> str:
    """Make an API key: `ninai_` and 43 characters that are safe in a URL, 256 random bits."""
    return KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)


def hash_key(key: str) -> str:
    """Return `sha256:` and 64 hex digits.

    A plain hash is enough: a key of 256 random bits cannot be guessed, so slowing the guesser down gains nothing.
    """
    return HASH_PREFIX + hashlib.sha256(key.encode()).hexdigest()
