"""The signature of a webhook, by the symmetric scheme of Standard Webhooks.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import binascii
import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping

ID_HEADER = "webhook-id"
TIMESTAMP_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"
SECRET_PREFIX = "whsec_"  # noqa: S105 - what a secret begins with
LEAST_SECRET_BYTES, MOST_SECRET_BYTES = 24, 64
_FORM = f"must be {SECRET_PREFIX} and {LEAST_SECRET_BYTES} to {MOST_SECRET_BYTES} bytes in base64"


def secret_fault(secret: str) -> str | None:
    """Return what is wrong with the form of a secret, None if nothing is."""
    if not secret.startswith(SECRET_PREFIX):
        return _FORM
    try:
        key = _key(secret)
    except (binascii.Error, ValueError):
        return _FORM
    return None if LEAST_SECRET_BYTES <= len(key) <= MOST_SECRET_BYTES else _FORM


def signed_headers(secret: str, message_id: str, timestamp: int, body: bytes) -> Mapping[str, str]:
    """Return the headers of a message; `timestamp` is that of this attempt, in seconds since 1970."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    signature = b64encode(hmac.digest(_key(secret), signed, "sha256")).decode()
    return {ID_HEADER: message_id, TIMESTAMP_HEADER: str(timestamp), SIGNATURE_HEADER: f"v1,{signature}"}


def _key(secret: str) -> bytes:
    return b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
