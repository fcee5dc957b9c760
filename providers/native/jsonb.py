"""Metadata to jsonb and back, so that every number is read as it was written."""

import json
from decimal import Decimal
from typing import Any

import msgspec

from providers.types import Metadata

# From here on a float is written with an exponent, which jsonb's numeric would turn into an integer.
_EXPONENT_FROM = 1e16


def to_jsonb(metadata: Metadata | None) -> str | None:
    """Write metadata as JSON text in which integers and floats stay apart after PostgreSQL has parsed it."""
    return None if metadata is None else msgspec.json.encode(_with_plain_floats(metadata)).decode()


def from_jsonb(text: str) -> Any:  # noqa: ANN401 - any JSON value
    """Decode JSON that PostgreSQL wrote."""
    try:
        return msgspec.json.decode(text)
    except msgspec.ValidationError:
        # Its longest integer has 4,300 characters, a sign included; Python's own, and so our limit, 4,300 digits.
        return json.loads(text)


def _with_plain_floats(value: Any) -> Any:  # noqa: ANN401 - any JSON value in, the same out
    if isinstance(value, dict):
        return {key: _with_plain_floats(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_with_plain_floats(child) for child in value]
    if isinstance(value, float) and abs(value) >= _EXPONENT_FROM:
        # By its shortest digits, as every JSON encoder writes it: 1e23 is 10**23, not the binary number near it.
        return msgspec.Raw(f"{Decimal(repr(value)):f}.0".encode())
    return value
