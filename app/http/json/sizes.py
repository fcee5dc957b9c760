"""The limits on the fields of a body before they are decoded, by the bytes and values they are written in.

What is refused here would be refused after decoding, too, but that takes too long: an integer of 4,300 digits takes a
quarter of a millisecond, and a megabyte holds hundreds of them.
"""

from collections.abc import Mapping

from msgspec import Struct

from app.http.json.values import values_in
from providers.errors import InvalidInput
from providers.json_limits import MAX_METADATA_BYTES
from providers.limits import MAX_CONTENT_CHARS, MAX_QUERY_CHARS

# No field may hold more values: of metadata, each takes a byte at least.
MAX_FIELD_VALUES = MAX_METADATA_BYTES
# Of a condition: 64 comparisons with texts of two thousand bytes.
MAX_WHERE_BYTES = 128 * 1024

_BYTES_PER_CHAR = 4  # of UTF-8
# Numbers may be written longer than they are stored, so that metadata have room for that.
_WRITTEN_LONGER = 4
_BESIDE = 64 * 1024  # bytes of names and small fields
_BLANKS = b" \t\r\n"
_IN_ESCAPE = 5  # bytes of an escape, `\\u0041`, beyond the one that it stands for at least


class _Limit(Struct, frozen=True):
    """How many bytes a field may be written in, and what is said of more; a value of its type `begins` so."""

    begins: bytes
    most: int
    said: str


def _text(chars: int) -> _Limit:
    return _Limit(b'"', _BYTES_PER_CHAR * chars + len(b'""'), f"expected str of length <= {chars}")


def _json(most: int, said: str) -> _Limit:
    return _Limit(b"{", most, said)


_LIMITS = {
    "content": _text(MAX_CONTENT_CHARS),
    "query": _text(MAX_QUERY_CHARS),
    "metadata": _json(_WRITTEN_LONGER * MAX_METADATA_BYTES, f"must be at most {MAX_METADATA_BYTES} bytes of JSON"),
    "where": _json(MAX_WHERE_BYTES, f"must be at most {MAX_WHERE_BYTES} bytes of JSON, blanks aside"),
}


def refuse_too_large(body: bytes, fields: Mapping[str, bytes], whole: str) -> None:
    """Refuse a body if one of its fields is too large, or if much of it is in fields that are given again later.

    Raises:
        InvalidInput: it names the field, or else `whole`.
    """
    in_fields = 0
    for name, text in fields.items():
        written = least_bytes(text)
        in_fields += written
        limit = _LIMITS.get(name)
        if limit is not None and written > limit.most and text.startswith(limit.begins):
            raise InvalidInput(name, limit.said)
        if values_in(text, MAX_FIELD_VALUES) > MAX_FIELD_VALUES:
            raise InvalidInput(name, f"must hold at most {MAX_FIELD_VALUES} JSON values")
    if least_bytes(body) > in_fields + _BESIDE:
        raise InvalidInput(whole, "must hold each field once")


def least_bytes(text: bytes) -> int:
    """Return how many bytes JSON text takes at least, without blanks and with escaped characters as they are."""
    return len(text.translate(None, _BLANKS)) - _IN_ESCAPE * text.count(b"\\u")
