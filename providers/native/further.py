"""The further fields of a state, which have columns of their own since the revision 0008.

The version before that keeps fields that it does not know as one JSON text, in the column `unknown`. As long as it may
run beside this one, that text stays the truth: both versions write it and pass it on, and a trigger derives the columns
from it, by which memories are listed and filtered. So neither drops what the other has written.
"""

from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import asdict

from providers.source import Sourced
from providers.states.unknown import NOTHING, joined, split
from providers.types import Snapshot


class _Further(Sourced, frozen=True, kw_only=True, omit_defaults=True):
    first_version: int = 0
    expires_at: datetime | None = None
    sliding_seconds: int | None = None
    touched_at: datetime | None = None


_NAMES = frozenset(_Further.__struct_fields__)
_EMPTY = _Further()
_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(_Further).decode


def further_of(state: Snapshot) -> str:
    """Return the further fields of a state and those that this program does not know, as one text; empty if none."""
    further = _Further(
        first_version=state.first_version,
        expires_at=state.expires_at,
        sliding_seconds=state.sliding_seconds,
        touched_at=state.touched_at,
        # All of `attributes_of`, whose dictionary would take as long as the rest: every write passes here.
        session=state.session,
        agent=state.agent,
        app=state.app,
        speaker=state.speaker,
        key=state.key,
        source=state.source,
    )
    return state.unknown if further == _EMPTY else joined(_encode(further).decode(), state.unknown)


def parts_of(text: str | None) -> dict[str, Any]:
    """Return the further fields in such a text by their names, and what this program does not know as `unknown`."""
    if text is None:
        return {"unknown": NOTHING}
    known, unknown = split(text, _NAMES)
    return asdict(_decode(known)) | {"unknown": unknown}


def unknown_of(text: str | None) -> str:
    """Return what this program does not know out of such a text."""
    return NOTHING if text is None else split(text, _NAMES)[1]
