"""Metadata to jsonb, so that every number is read as it was written."""

from decimal import Decimal
from typing import Any

import msgspec

from providers.types import Metadata

# From here on a float is written with an exponent, which jsonb's numeric would turn into an integer.
_EXPONENT_FROM = 1e16


def to_jsonb(metadata: Metadata | None) -> str | None:
    """Write metadata as JSON text in which integers and floats stay apart after PostgreSQL has parsed it."""
    return None if metadata is None else msgspec.json.encode(_with_plain_floats(metadata)).decode()


def _with_plain_floats(value: Any) -> Any:  # noqa: ANN401 - any JSON value in, the same out
    if isinstance(value, dict):
        return {key: _with_plain_floats(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_with_plain_floats(child) for child in value]
    if isinstance(value, float) and abs(value) >= _EXPONENT_FROM:
        # By its shortest digits, as every JSON encoder writes it: 1e23 is 10**23, not the binary number near it.
        return msgspec.Raw(f"{Decimal(repr(value)):f}.0".encode())
    return value
