"""The contact with a store: whether it may have been put back since it was last looked at."""

from collections.abc import Callable

from msgspec import Struct

from providers.chain.breaker_state import BreakerSnapshot, BreakerState
from providers.errors import ConnectionLost, ProviderError, Unreachable


class Contact(Struct):
    """The contact of this process with one store.

    Who was away may come back with older data: from a backup, or from a replica that lagged. Until a look has compared
    the store with the journal, it is `unchecked`, and what it says counts only if nobody else can say anything. Only a
    store that is `watched` can be compared.
    """

    now: Callable[[], float]
    watched: bool = False
    _lost_at: float | None = None

    @property
    def unchecked(self) -> bool:
        """Whether the store has been away since the last look that found it well."""
        return self._lost_at is not None and self.watched

    def lose(self) -> None:
        """Record that the store cannot be reached at this moment."""
        self._lost_at = self.now()

    def failed(self, error: ProviderError) -> None:
        """Record that a call has failed: a broken connection may mean that the store was restarted."""
        if isinstance(error, (Unreachable, ConnectionLost)):
            self.lose()

    def breaker_changed(self, snapshot: BreakerSnapshot) -> None:
        """Record that a breaker has changed: it opens when not even a ping is answered."""
        if snapshot.state is BreakerState.OPEN:
            self.lose()

    def found_well(self, begun: float, settled: float) -> float:
        """Record a look that began at `begun` and found nothing wrong; return the seconds until another one is needed.

        It counts if what was confirmed before the store was away can be read back, which takes `settled` seconds;
        otherwise the store stays `unchecked`. 0 if no other look is needed.
        """
        if self._lost_at is None:
            return 0.0
        missing = self._lost_at + settled - begun
        if missing <= 0.0:
            self._lost_at = None
        return max(0.0, missing)
