"""What is on its way to a store for somebody who holds its lease, and whether a relay delivers it a second time."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from providers.journal.operations import Appended, Settlement

# The provider to which this task delivers, if it is a relay's.
relaying: ContextVar[str | None] = ContextVar("relaying", default=None)

Write = tuple[str, int | None]  # a memory and a version of it


class Deliveries:
    """The writes on their way to all stores; `doubled` tells of those that a relay makes again meanwhile.

    A relay may do that once the lease is over, which a caller's write gets when it is appended. A caller who repeats a
    write gets none: it makes the write as well, so as to know that home has it, and may meet the relay.
    """

    def __init__(self) -> None:
        self.doubled: list[str] = []
        self._leased: dict[tuple[str, Write], float] = {}
        self._under_way: dict[tuple[str, Write], float] = {}  # until when the leases are held

    def appended(self, store: str, outcomes: Sequence[object]) -> None:
        """Take note of the leases that were given with new operations."""
        for outcome in outcomes:
            if isinstance(outcome, Appended) and (lease := outcome.entry.lease) is not None:
                state = outcome.entry.state
                self._leased[store, (state.id, state.version)] = lease.until

    def settled(self, settlements: Sequence[Settlement]) -> None:
        """Take note of the leases that are given back.

        A caller's write that its breaker refuses, for one, is never made: then whoever repeats the write makes it, has
        no lease, and may meet the relay.
        """
        for settlement in settlements:
            lease = settlement.lease
            if lease is not None:
                self._leased = {
                    key: until
                    for key, until in self._leased.items()
                    if (key[0], key[1][0], until) != (settlement.provider, lease.memory_id, lease.until)
                }

    @contextmanager
    def under_way(self, store: str, writes: Sequence[Write], now: float) -> Iterator[None]:
        """Take note of writes for as long as they are under way; each lease is for the first call alone."""
        keys = [(store, write) for write in writes]
        if relaying.get() is not None:
            self.doubled += [
                f"delivered again while it is under way: {key}" for key in keys if now < self._under_way.get(key, 0.0)
            ]
            yield
            return
        held = {key: until for key in keys if (until := self._leased.pop(key, None)) is not None}
        self._under_way |= held
        try:
            yield
        finally:
            for key, until in held.items():
                if self._under_way.get(key) == until:  # two replicas may mint the same version for two writes
                    del self._under_way[key]
