"""Versions and ids: a hybrid logical clock, and UUIDs that sort by time or repeat by key."""

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

COUNTER_BITS = 16
_RANDOM_BITS_OF_UUID7 = 74

# The namespace of ids derived from an Idempotency-Key; changing it would make retried writes new memories.
KEYED_IDS = UUID("6b5f8c0e-2a8d-5d0f-9d63-0f6a3a1b7c42")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Milliseconds = Callable[[], int]


def wall_clock_ms() -> int:
    """Milliseconds since 1970, from the system clock."""
    return time.time_ns() // 1_000_000


class HybridClock:
    """A hybrid logical clock: 48 bits of milliseconds, 16 bits of counter, in one signed 64-bit integer.

    Versions from one clock always grow, even when the system clock stands still or steps back, and grow past every
    version it has observed. Source: Kulkarni et al., "Logical Physical Clocks" (2014).
    """

    def __init__(self, now_ms: Milliseconds = wall_clock_ms) -> None:
        self._now_ms = now_ms
        self._last = 0

    def next(self) -> int:
        """Mint a version greater than every one minted or observed before."""
        # A full counter carries into the milliseconds by itself, since both live in one integer.
        self._last = max(self._now_ms() << COUNTER_BITS, self._last + 1)
        return self._last

    def observe(self, version: int) -> None:
        """Take note of a version minted elsewhere."""
        self._last = max(self._last, version)


def milliseconds_of(version: int) -> int:
    """The wall-clock part of a version: milliseconds since 1970."""
    return version >> COUNTER_BITS


def moment_of(version: int) -> datetime:
    """The wall-clock part of a version as a moment in UTC: what `created_at` is when nobody says otherwise."""
    return _EPOCH + timedelta(milliseconds=milliseconds_of(version))


def new_memory_id(now_ms: Milliseconds = wall_clock_ms, random_bits: Callable[[int], int] = secrets.randbits) -> str:
    """Mint a UUIDv7 (RFC 9562, section 5.7): 48 bits of milliseconds, then 74 random bits."""
    random = random_bits(_RANDOM_BITS_OF_UUID7)
    high, low = random >> 62, random & ((1 << 62) - 1)
    digits = f"{(now_ms() & ((1 << 48) - 1)) << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def keyed_memory_id(*scope: str) -> str:
    """Derive the UUIDv5 that a repeated request gets again; `scope` is caller, user, key and position.

    The parts are joined with their lengths, so that no two different scopes give one name.
    """
    return str(uuid5(KEYED_IDS, "".join(f"{len(part)}:{part}" for part in scope)))
