"""How many superseded versions of a memory are kept, and for how long: the same ones at every store."""

from collections.abc import Iterable

from msgspec import Struct

from providers.states.clock import COUNTER_BITS
from providers.states.merging import rank
from providers.types import Snapshot

KEPT_VERSIONS = 20
KEPT_DAYS = 30
DAY_MS = 24 * 60 * 60 * 1_000
# The version of a write whose earlier copy could not be looked up: it says nothing of its time.
UNDATED_VERSION = 1


class Retention(Struct, frozen=True, kw_only=True):
    """Keep the last `keep` superseded versions of a memory, those that were written within `days`; with 0, none.

    Versions tell their own age, and whatever is added is newer or was there elsewhere: so the same versions stay in
    whatever order they come.
    """

    keep: int = KEPT_VERSIONS
    days: int = KEPT_DAYS

    def oldest(self, now_ms: int) -> int:
        """Return the oldest version that may be kept at a moment in milliseconds since 1970."""
        return max(0, now_ms - self.days * DAY_MS) << COUNTER_BITS

    def keeps(self, version: int, now_ms: int) -> bool:
        """Return whether a version may be kept at a moment, whatever others there are."""
        return version >= self.oldest(now_ms) or version == UNDATED_VERSION

    def kept(self, versions: Iterable[Snapshot], newest: Snapshot, now_ms: int) -> list[Snapshot]:
        """Return those of some versions that are kept beside the newest one, the newest of them first.

        A version above the newest one's is no part of the history: it is the repetition of a first write, which counts
        less than any edit.
        """
        older = {
            one.version: one
            for one in versions
            if one.version < newest.version and self.keeps(one.version, now_ms) and is_version(one, newest)
        }
        return [older[version] for version in sorted(older, reverse=True)[: self.keep]]


NO_HISTORY = Retention(keep=0)


def is_version(state: Snapshot, newest: Snapshot) -> bool:
    """Return whether a state is a version of the memory that has this newest one, whichever of the two was first.

    It is none if nobody could judge it, and the memory turned out to be another one: it was refused. A state without a
    digest does not tell. Stores keep both until they are swept, and judge them as they read: what is there may not be
    the newest state yet.
    """
    return state.version != UNDATED_VERSION or b"" in {state.digest, newest.digest} or state.digest == newest.digest


def is_superseded(state: Snapshot, newest: Snapshot) -> bool:
    """Return whether a state is an older version of a memory whose newest state this is."""
    return not (state.deleted or newest.deleted) and state.version < newest.version and rank(state) < rank(newest)
