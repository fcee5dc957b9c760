"""The digest by which a repeated write is told from another write under the same id."""

from decimal import Decimal
from hashlib import blake2b
from typing import Any

import msgspec

from providers.types import Metadata

_DIGEST_BYTES = 16
_encode = msgspec.json.Encoder(order="sorted").encode


def digest_of(content: str, metadata: Metadata | None) -> bytes:
    """Give 16 bytes that are equal for equal content and equal JSON metadata (1 equals 1.0, key order is nothing)."""
    return blake2b(_encode((content, _plain(metadata))), digest_size=_DIGEST_BYTES).digest()


def _plain(value: Any) -> Any:  # noqa: ANN401 - any JSON value in, the same out
    if isinstance(value, dict):
        return {key: _plain(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_plain(child) for child in value]
    if isinstance(value, float) and value.is_integer():
        return int(Decimal(repr(value)))  # by its digits: 1e23 is 10**23, not the binary number near it
    return value
