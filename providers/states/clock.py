"""Versions and ids: a hybrid logical clock, and UUIDs that sort by time or derive from a key."""

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from uuid import UUID, uuid5

import structlog

COUNTER_BITS = 16

# A host that keeps its time by NTP is off by milliseconds; one that is off by more than this has a wrong time zone or
# date. Far above what bursts of versions within one millisecond can add.
FAR_AHEAD_SECONDS = 3_600.0
_FAR_AHEAD_MS = FAR_AHEAD_SECONDS * 1000
_REPORT_EVERY_SECONDS = 3_600.0  # between two reports: all versions minted meanwhile are as far ahead

_48_BITS = (1 << 48) - 1
_62_BITS = (1 << 62) - 1
_RANDOM_BITS_OF_UUID7 = 74
_RANDOM_BITS_OF_UUID4 = 122

# The namespace of ids derived from an Idempotency-Key; changing it would make retried writes new memories.
KEYED_IDS = UUID("6b5f8c0e-2a8d-5d0f-9d63-0f6a3a1b7c42")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Milliseconds = Callable[[], int]

_log = structlog.get_logger(__name__)


def wall_clock_ms() -> int:
    """Return the milliseconds since 1970 by the system clock."""
    return time.time_ns() // 1_000_000


def moment_of(now_ms: Milliseconds) -> datetime:
    """Return the moment by a clock, in UTC."""
    return _moment_at(now_ms())


@lru_cache(maxsize=1)  # memories of one batch mostly share it
def _moment_at(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)


class HybridClock:
    """A hybrid logical clock: 48 bits of milliseconds, 16 bits of counter, in one signed 64-bit integer.

    Versions from one clock always grow, even when the system clock stands still or steps back, and grow past every
    version that it has observed. Source: Kulkarni et al., "Logical Physical Clocks" (2014). Versions therefore say what
    came later, but not when: a single host with a wrong clock moves the versions of all others ahead. Dates that users
    see, and ids, come from `moment` and `milliseconds`, which read the system clock.
    """

    def __init__(self, now_ms: Milliseconds = wall_clock_ms) -> None:
        self._now_ms = now_ms
        self._last = 0
        self._greatest = 0  # of all known versions
        self._reported_at: int | None = None  # milliseconds since 1970

    def next(self) -> int:
        """Mint a version greater than every one minted or observed before."""
        # A full counter carries into the milliseconds by itself, since both live in one integer.
        now = self._now_ms()
        self._last = max(now << COUNTER_BITS, self._last + 1)
        self._report_if_far_ahead(now)
        return self._last

    def observe(self, version: int) -> None:
        """Observe a version minted elsewhere, so that all versions minted from now on are greater."""
        self._last = max(self._last, version)
        self.meet(version)

    def meet(self, version: int) -> None:
        """Count a version in `ahead` without observing it: versions minted from now on need not be greater."""
        if version > self._greatest:
            self._greatest = version
            self._report_if_far_ahead(self._now_ms())

    def milliseconds(self) -> int:
        """Return the milliseconds since 1970 by the system clock."""
        return self._now_ms()

    def moment(self) -> datetime:
        """Return the moment by the system clock, in UTC and whole milliseconds; memories are dated by it."""
        return moment_of(self._now_ms)

    def ahead(self) -> float:
        """Return by how many seconds the greatest known version is ahead of the system clock, 0 if it is not."""
        return seconds_ahead(max(self._last, self._greatest), self._now_ms())

    def _report_if_far_ahead(self, now: int) -> None:
        greatest = max(self._last, self._greatest)
        if milliseconds_of(greatest) - now <= _FAR_AHEAD_MS:
            return
        if self._reported_at is not None and abs(now - self._reported_at) < _REPORT_EVERY_SECONDS * 1000:
            return
        self._reported_at = now
        _log.warning("clock_ahead", seconds=round(seconds_ahead(greatest, now)))


def milliseconds_of(version: int) -> int:
    """Return the milliseconds in a version; later than its real moment if a clock was ahead when it was minted."""
    return version >> COUNTER_BITS


def seconds_ahead(version: int, now_ms: int) -> float:
    """Return by how many seconds a version is ahead of a moment in milliseconds since 1970, 0 if it is not."""
    return max(0, milliseconds_of(version) - now_ms) / 1000


def new_memory_id(now_ms: Milliseconds = wall_clock_ms, random_bits: Callable[[int], int] = secrets.randbits) -> str:
    """Mint a UUIDv7 (RFC 9562, section 5.7): 48 bits of milliseconds, then 74 random bits."""
    now, random = now_ms() & _48_BITS, random_bits(_RANDOM_BITS_OF_UUID7)
    return _uuid(now << 80 | 0x7 << 76 | random >> 62 << 64 | 0b10 << 62 | random & _62_BITS)


def new_edit_id(random_bits: Callable[[int], int] = secrets.randbits) -> str:
    """Mint a UUIDv4 (RFC 9562, section 5.4): 122 random bits, in half of the time that `uuid.uuid4` takes."""
    random = random_bits(_RANDOM_BITS_OF_UUID4)
    return _uuid(random >> 74 << 80 | 0x4 << 76 | (random >> 62 & 0xFFF) << 64 | 0b10 << 62 | random & _62_BITS)


def _uuid(number: int) -> str:
    digits = number.to_bytes(16, "big").hex()  # twice as fast as to format each of the groups
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def keyed_memory_id(*scope: str) -> str:
    """Derive the UUIDv5 that a repeated request gets again; `scope` is caller, user, key and position.

    The parts are joined with their lengths, so that no two different scopes give one name.
    """
    return str(uuid5(KEYED_IDS, "".join(f"{len(part)}:{part}" for part in scope)))
