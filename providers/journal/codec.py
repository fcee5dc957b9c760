"""The state of a memory as one JSON text, the form in which every journal keeps it.

The text has a field for each field of `Snapshot` that is not at its default, so a new field needs no change here.
A reader passes over fields that it does not know, which a newer version has written.
"""

import json
from datetime import UTC, datetime
from typing import get_args

import msgspec
from msgspec.structs import fields, replace

from providers.types import Snapshot

_MOMENTS = tuple(field.name for field in fields(Snapshot) if datetime in (field.type, *get_args(field.type)))

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Snapshot).decode


def encode(state: Snapshot) -> str:
    """Return the text of a state; its moments are written in UTC."""
    moments = {name: moment for name in _MOMENTS if (moment := getattr(state, name)) is not None}
    if any(moment.tzinfo is not UTC for moment in moments.values()):
        state = replace(state, **{name: moment.astimezone(UTC) for name, moment in moments.items()})
    return _encode(state).decode()


def decode(text: str) -> Snapshot:
    """Return the state that `encode` has written."""
    try:
        return _decode(text)
    except msgspec.ValidationError:
        # msgspec reads integers of up to 4,300 characters, a sign included; our limit is Python's: 4,300 digits.
        return msgspec.convert(json.loads(text), Snapshot)
