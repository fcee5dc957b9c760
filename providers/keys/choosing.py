"""The choice between memories of one key: one is current, all older ones are superseded by it."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from providers.expiry import has_expired
from providers.states.clock import COUNTER_BITS, Milliseconds, wall_clock_ms
from providers.types import MemoryRecord, Snapshot

# By how much the clocks of replicas may differ before a write that could not look for what its key names loses against
# an earlier one: far more than any host is off that keeps its time, and less than what counts as a wrong clock.
TOLERATED_MS = 60_000

Rank = tuple[int, str]
NO_RANK: Rank = (0, "")  # below that of every memory


def rank_of(memory: MemoryRecord | Snapshot) -> Rank:
    """Return by what memories of one key are ordered: the greatest is current, everywhere."""
    return memory.first_version, memory.id


class OfKey(Struct, frozen=True):
    """The memories of one key: the current one, None if there is none, and those that it supersedes.

    Where the current one has `expired` there is none, and what it supersedes stays superseded.
    """

    current: MemoryRecord | None
    superseded: tuple[MemoryRecord, ...] = ()
    expired: MemoryRecord | None = None


def chosen(memories: Sequence[MemoryRecord], now: datetime) -> OfKey:
    """Return which of the memories of one key is current; all are given that are not deleted."""
    ranked = sorted(memories, key=rank_of)
    if not ranked:
        return OfKey(None)
    *superseded, last = ranked
    return OfKey(None, tuple(superseded), last) if has_expired(last, now) else OfKey(last, tuple(superseded))


def unlooked_version(now_ms: Milliseconds = wall_clock_ms) -> int:
    """Return the first version of a memory that is stored without a look for what its key names.

    It supersedes all that was written before, unless the clock of the writer was more than `TOLERATED_MS` ahead.
    """
    return unlooked_above(now_ms() << COUNTER_BITS)


def unlooked_above(version: int) -> int:
    """Return the first version that a memory has which was stored without a look under this version."""
    return version + (TOLERATED_MS << COUNTER_BITS)
