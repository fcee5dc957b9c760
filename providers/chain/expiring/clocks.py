"""The clocks that decide when something is erased, compared with that of this process."""

from datetime import UTC, datetime

from msgspec import Struct

from providers.chain.comparing.store import ComparedStore
from providers.journal.base import Journal
from providers.states.clock import HybridClock


class Clocks(Struct, frozen=True):
    """By how many seconds the clock of a store, and that of the journal if there is one, are ahead of ours.

    A store that tells nobody what its clock says has None.
    """

    store: float | None
    journal: float | None

    @property
    def apart(self) -> float:
        """The most seconds by which two of the clocks differ, ours included."""
        known = [0.0, *(ahead for ahead in (self.store, self.journal) if ahead is not None)]
        return max(known) - min(known)

    def earliest(self, now: datetime) -> datetime:
        """Return the earlier moment of those that store and journal show when ours shows `now`."""
        ahead = [one for one in (self.store, self.journal) if one is not None]
        return datetime.fromtimestamp(now.timestamp() + min(ahead), UTC)


async def read_clocks(store: ComparedStore, journal: Journal | None, clock: HybridClock) -> Clocks:
    """Read the clocks.

    Raises:
        Unavailable: the store or the journal does not answer.
    """
    began = clock.milliseconds()
    told = await store.moment()
    of_store = None if told is None else told.timestamp() - _between(began, clock)
    if journal is None:
        return Clocks(of_store, None)
    began = clock.milliseconds()
    of_journal = await journal.moment()
    return Clocks(of_store, of_journal - _between(began, clock))


def _between(began: int, clock: HybridClock) -> float:
    """Return the middle of a call, in seconds since 1970."""
    return (began + clock.milliseconds()) / 2_000
