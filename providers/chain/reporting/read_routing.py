"""The reporting of where reads are answered: at home, or elsewhere while home does not answer."""

from collections.abc import Callable, Sequence

from providers.chain.reporting.damping import DampedState, StateChange
from providers.chain.reporting.events import LogEvents

# After this many reads in a row at another provider they count as moved, although home is not known to be unhealthy.
MOVED_READS = 3


class ReadRouting:
    """Report a move of the reads once, and not per request; `is_unhealthy` knows which providers should not answer."""

    def __init__(self, events: LogEvents, is_unhealthy: Callable[[str], bool]) -> None:
        self._events = events
        self._is_unhealthy = is_unhealthy
        self._order: tuple[str, ...] = ()
        self._home: str | None = None
        self._at: DampedState[str | None] = DampedState(None, events.now)
        self._before: str | None = None
        self._reason = ""
        self._row = 0  # of reads that home did not answer
        self._row_since = 0.0

    def routed(self, order: Sequence[str], readers: Sequence[str]) -> None:
        """Take an order, and its providers that may answer; a move caused by a new order is not reported."""
        anew = self._order != tuple(order)
        self._order = tuple(order)
        before, self._home = self._home, readers[0] if readers else None
        if self._home == before and not anew:
            return
        self._row = 0
        if anew or before is None or self._home is None:
            self._at.settle(self._home)
        elif self._is_unhealthy(self._home):
            return  # the provider that answers is reported when one does
        elif before in readers:
            self._move(self._home, f"{self._home} has received everything")
        else:
            self._move(self._home, f"{before} does not count as complete any more")

    def by(self, provider: str, instead_of: str | None, reason: str) -> None:
        """Take the provider that answered a read, and why those before it did not."""
        if instead_of is None:
            if provider == self._home:
                self._row = 0
                self._move(provider, "it answers again")
            return
        if instead_of != self._home or provider not in self._order:
            return  # the read began on an earlier route
        if not self._row:
            self._row_since = self._events.now()
        self._row += 1
        if self._row >= MOVED_READS or self._is_unhealthy(instead_of):
            self._move(provider, reason, self._row_since)

    def look(self) -> None:
        """Report what was held back."""
        self._report(self._at.due())

    def _move(self, provider: str, reason: str, since: float | None = None) -> None:
        if provider != self._at.state:
            self._before, self._reason = self._at.state, reason
            self._report(self._at.change(provider, since))

    def _report(self, change: StateChange | None) -> None:
        provider, instead_of = self._at.state, self._before
        if change is None or provider is None or instead_of is None:
            return
        if self._order.index(provider) < self._order.index(instead_of):
            self._events.reads_moved_back(provider, instead_of, self._reason, change.former_since, change.changes)
        else:
            self._events.reads_moved(provider, instead_of, self._reason, change.since, change.changes)
