"""The fields of a state that this program does not know, which a newer one has written.

They are kept as they are, as the text of a JSON object, wherever a state goes, so that a memory that passes through a
replica that has not been updated yet loses nothing.
"""

from collections.abc import Collection

import msgspec
from msgspec import Raw

NOTHING = ""  # the text of no unknown field

_decode = msgspec.json.Decoder(dict[str, Raw]).decode
_encode = msgspec.json.encode


def split(text: str | bytes, known: Collection[str]) -> tuple[bytes, str]:
    """Return the text of an object with its known fields alone, and the text of the others.

    Raises:
        msgspec.DecodeError: the text is no JSON object.
    """
    fields = _decode(text)
    others = {name: value for name, value in fields.items() if name not in known}
    kept = {name: value for name, value in fields.items() if name in known}
    return _encode(kept), _encode(others).decode() if others else NOTHING


def joined(text: str, unknown: str) -> str:
    """Return the text of an object that is not empty, with the unknown fields behind its own."""
    return text if unknown == NOTHING else f"{text[:-1]},{unknown[1:]}"
