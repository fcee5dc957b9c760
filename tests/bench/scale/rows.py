"""Rows for COPY in its binary form: what is large comes from memories that the service has stored, the rest is new.

A stored memory has its words, its vector and its analysis made by the product. What millions of others need beside
those is an owner, an id, a version and a moment, so that a row costs two microseconds.
"""

import struct
from collections.abc import Iterator, Sequence
from random import Random

from msgspec import Struct

SIGNATURE = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
END = struct.pack(">h", -1)

FRESH = ("user_id", "id", "version", "created_at", "first_version")  # of each row, before the columns of a template
ROWS_A_CHUNK = 1_000

_COUNT = struct.Struct(">h")
_LENGTH = struct.Struct(">i")
_KEY = struct.Struct(">8s8siqiqiq")  # an id in two halves, a version, a moment, the first version
_MICROSECONDS_OF_2000 = 946_684_800_000_000  # where PostgreSQL begins to count
_VERSION_BITS = 16  # of the counter below the milliseconds of a version


class Span(Struct, frozen=True):
    """A span of time in microseconds since 1970, and how many memories are spread over it."""

    start: int
    length: int
    memories: int

    def moment(self, number: int) -> int:
        """Return when a memory was stored."""
        return self.start + self.length * number // self.memories


def templates(copied: bytes) -> list[bytes]:
    """Return the fields of each row of a binary COPY, as they stand there."""
    found, place = [], len(SIGNATURE)
    while (count := _COUNT.unpack_from(copied, place)[0]) != -1:
        start = place = place + _COUNT.size
        for _ in range(count):
            [length] = _LENGTH.unpack_from(copied, place)
            place += _LENGTH.size + max(length, 0)
        found.append(copied[start:place])
    return found


def field_count(template: bytes) -> int:
    """Return how many fields a template has."""
    count = place = 0
    while place < len(template):
        [length] = _LENGTH.unpack_from(template, place)
        place += _LENGTH.size + max(length, 0)
        count += 1
    return count


def chunks(users: Sequence[str], each: int, stored: Sequence[bytes], span: Span, seed: int) -> Iterator[bytes]:
    """Yield a binary COPY of `each` memories of every user, in the order of time, in which users take turns.

    A user's memories therefore lie as scattered in the table as those of users who come and go.
    """
    random = Random(seed)
    head = _COUNT.pack(len(FRESH) + field_count(stored[0]))
    names = [user.encode() for user in users]
    owners = [head + _LENGTH.pack(len(name)) + name + _LENGTH.pack(16) for name in names]
    yield SIGNATURE
    number, rows = 0, list[bytes]()
    for _ in range(each):
        random.shuffle(owners)
        for owner in owners:
            rows.append(owner)
            rows.append(_key(span.moment(number), random))
            rows.append(stored[int(random.random() * len(stored))])
            number += 1
            if len(rows) >= 3 * ROWS_A_CHUNK:
                yield b"".join(rows)
                rows.clear()
    yield b"".join(rows) + END


def _key(moment: int, random: Random) -> bytes:
    milliseconds = moment // 1000
    version = milliseconds << _VERSION_BITS
    first = (milliseconds << 16 | 0x7000 | random.getrandbits(12)).to_bytes(8, "big")  # a UUID of version 7
    second = (random.getrandbits(62) | 1 << 63).to_bytes(8, "big")
    return _KEY.pack(first, second, 8, version, 8, moment - _MICROSECONDS_OF_2000, 8, version)
