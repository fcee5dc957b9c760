"""The size of an answer, in bytes of the JSON that its caller receives, and the bound on it."""

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from providers.answers import Found
from providers.errors import AnswerTooLarge
from providers.json_limits import MAX_METADATA_BYTES
from providers.limits import MAX_CONTENT_CHARS
from providers.types import MemoryRecord

DEFAULT_ANSWER_BYTES = 16 * 1024 * 1024

# What surrounds content and metadata: ids, moments, the names of fields, a user id of 256 characters.
_REST = 2_048
_MOST_BESIDE_CONTENT = MAX_METADATA_BYTES + _REST
# JSON escapes control characters with six bytes; as they are stored, characters take up to four.
_BYTES_PER_CHAR = 6
MAX_RECORD_BYTES = _BYTES_PER_CHAR * MAX_CONTENT_CHARS + _MOST_BESIDE_CONTENT
_MOST_STORED_BYTES = 4 * MAX_CONTENT_CHARS + _MOST_BESIDE_CONTENT


def size_of(records: Sequence[MemoryRecord]) -> int:
    """Return the bytes of memories in an answer."""
    return sum(map(_bytes_of, records))


def page_within(found: Found, most_bytes: int | None) -> Found:
    """Return a page that ends before the memory that would bring it above `most_bytes`; the first is always kept."""
    kept = _kept(found.memories, most_bytes)
    return found if kept == len(found.memories) else replace(found, memories=found.memories[:kept], cut=True)


def recall_within(found: Found, most_bytes: int | None) -> Found:
    """Return an answer to a query; raise `AnswerTooLarge` if it is larger than `most_bytes`."""
    if most_bytes is not None and not _fits(found.memories, most_bytes) and size_of(found.memories) > most_bytes:
        raise AnswerTooLarge(most_bytes)
    return found


def may_exceed(memories: int, most_bytes: int | None) -> bool:
    """Return whether so many memories may be larger than `most_bytes` as they are stored; then reading is bounded."""
    return most_bytes is not None and memories * _MOST_STORED_BYTES > most_bytes


def _kept(records: Sequence[MemoryRecord], most_bytes: int | None) -> int:
    if most_bytes is None or _fits(records, most_bytes):
        return len(records)
    size = 0
    for place, record in enumerate(records):
        size += _bytes_of(record)
        if size > most_bytes and place:
            return place
    return len(records)


def _fits(records: Sequence[MemoryRecord], most_bytes: int) -> bool:
    """Return whether memories fit, whatever is in them: nearly always, and then nothing is encoded to find out."""
    chars = sum([len(record.content) for record in records])
    return _BYTES_PER_CHAR * chars + _MOST_BESIDE_CONTENT * len(records) <= most_bytes


def _bytes_of(record: MemoryRecord) -> int:
    return len(msgspec.json.encode(record)) + 1  # and a comma
