"""The decoding of JSON that a store keeps, with integers of any length."""

import json
from typing import Any

import msgspec


def decoded(text: str | bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Decode JSON that was checked when it was stored."""
    try:
        return msgspec.json.decode(text)
    except msgspec.ValidationError:
        # Its longest integer has 4,300 characters, a sign included; Python's own, and so our limit, 4,300 digits.
        return json.loads(text)
