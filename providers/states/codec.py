"""The state of a memory as one JSON text, the form in which journals and stores keep it.

The text has a field for each field of `Snapshot` that is not at its default, so a new field needs no change here.
Fields that a reader does not know, which a newer version has written, are kept and written again.
"""

import json
from datetime import UTC, datetime
from typing import get_args

import msgspec
from msgspec.structs import fields, replace

from providers.states.unknown import NOTHING, joined, split
from providers.types import Snapshot

_MOMENTS = tuple(field.name for field in fields(Snapshot) if datetime in (field.type, *get_args(field.type)))

_NAMES = frozenset(field.encode_name for field in fields(Snapshot)) - {"unknown"}

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Snapshot).decode


def encode(state: Snapshot) -> str:
    """Return the text of a state; its moments are written in UTC."""
    moments = {name: moment for name in _MOMENTS if (moment := getattr(state, name)) is not None}
    if any(moment.tzinfo is not UTC for moment in moments.values()):
        state = replace(state, **{name: moment.astimezone(UTC) for name, moment in moments.items()})
    if state.unknown == NOTHING:
        return _encode(state).decode()
    return joined(_encode(replace(state, unknown=NOTHING)).decode(), state.unknown)


def decode(text: str) -> Snapshot:
    """Return the state that `encode` has written."""
    try:
        return _decode(text)
    except msgspec.ValidationError:
        # An unknown field; or an integer of 4,300 digits, our limit, with a sign: msgspec counts the sign as well.
        known, unknown = split(text, _NAMES)
        return replace(msgspec.convert(json.loads(known), Snapshot), unknown=unknown)
