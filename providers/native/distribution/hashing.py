"""PostgreSQL's hash of a text, by which Citus finds the shard of an owner.

Source: Jenkins, "lookup3.c" (2006), as `hash_bytes` in PostgreSQL's `src/common/hashfn.c` has it on a little-endian
machine; hash partitions and hash indexes on disk rest on it, so that it stays the same across versions.
"""

_MASK = 0xFFFFFFFF
_START = 0x9E3779B9 + 3_923_095
_BLOCK = 12  # bytes
_SIGN = 0x80000000

# Twice the shards that Citus makes if nobody says otherwise. Each shard is a range of hashes, and so is each bucket, so
# that a bucket lies within one shard wherever the number of shards is a power of two up to this one.
BUCKETS = 64
_BITS_BELOW = 32 - BUCKETS.bit_length() + 1


def bucket_of(key: str) -> int:
    """Return the range of hashes, from 0 to `BUCKETS` - 1 in their order, in which that of an owner's key lies."""
    return (hash_of(key) ^ _SIGN) >> _BITS_BELOW


def hash_of(text: str) -> int:
    """Return the unsigned 32 bits of `hashtext` of a text in UTF-8."""
    data = text.encode()
    a = b = c = (_START + len(data)) & _MASK
    whole = len(data) - len(data) % _BLOCK
    for start in range(0, whole, _BLOCK):
        a = (a + _word(data, start)) & _MASK
        b = (b + _word(data, start + 4)) & _MASK
        c = (c + _word(data, start + 8)) & _MASK
        a, b, c = _mixed(a, b, c)
    rest = data[whole:]
    # The lowest byte of the last word is for the length.
    words = (rest[:4], rest[4:8], b"\0" + rest[8:] if rest[8:] else b"")
    a, b, c = ((one + int.from_bytes(word, "little")) & _MASK for one, word in zip((a, b, c), words, strict=True))
    return _final(a, b, c)


def _word(data: bytes, start: int) -> int:
    return int.from_bytes(data[start : start + 4], "little")


def _rotated(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (32 - bits))) & _MASK


def _mixed(a: int, b: int, c: int) -> tuple[int, int, int]:
    """Mix three words so that every bit of them reaches every other one."""
    for first, second, third in ((4, 6, 8), (16, 19, 4)):
        a, c = ((a - c) & _MASK) ^ _rotated(c, first), (c + b) & _MASK
        b, a = ((b - a) & _MASK) ^ _rotated(a, second), (a + c) & _MASK
        c, b = ((c - b) & _MASK) ^ _rotated(b, third), (b + a) & _MASK
    return a, b, c


def _final(a: int, b: int, c: int) -> int:
    """Return the last word after every bit of the others has reached it."""
    c = ((c ^ b) - _rotated(b, 14)) & _MASK
    a = ((a ^ c) - _rotated(c, 11)) & _MASK
    b = ((b ^ a) - _rotated(a, 25)) & _MASK
    c = ((c ^ b) - _rotated(b, 16)) & _MASK
    a = ((a ^ c) - _rotated(c, 4)) & _MASK
    b = ((b ^ a) - _rotated(a, 14)) & _MASK
    return ((c ^ b) - _rotated(b, 24)) & _MASK
