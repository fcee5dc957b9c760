"""What this process has written and removed lately, which reads of the index may not show yet."""

import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from msgspec import Struct

from providers.owners import Owner
from providers.pinecone.records import CopyName, name_of
from providers.states.codec import decode, encode
from providers.states.merging import merged
from providers.types import Snapshot


class RecentState(Struct, frozen=True):
    """A state that was written, as text because whoever reads it may change it, and the name of its copy."""

    name: CopyName
    text: str

    @property
    def state(self) -> Snapshot:
        """The state, for whoever asks anew."""
        return decode(self.text)


class RecentWrites:
    """Remember writes for as long as reads may be behind them; `staleness` is seconds.

    An answer may have been made when a read began, so nothing is forgotten that counted at the beginning of a read that
    is under way: whoever reads the index does so within `reading`.
    """

    def __init__(self, staleness: float, now: Callable[[], float] = time.monotonic) -> None:
        self._staleness, self._now = staleness, now
        self._readings: dict[int, float] = {}  # when each read under way began, the earliest first
        self._begun = 0
        self._states: dict[Owner, dict[str, RecentState]] = {}
        # Until when each counts, the one that ends first before the others.
        self._written: OrderedDict[tuple[Owner, str], float] = OrderedDict()
        self._removed: OrderedDict[tuple[Owner, str], float] = OrderedDict()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Keep what counts now until a read is over."""
        self._begun += 1
        number = self._begun
        self._readings[number] = self._now()
        try:
            yield
        finally:
            del self._readings[number]

    def put(self, owner: Owner, states: Iterable[Snapshot], records: Iterable[str]) -> None:
        """Remember states, and the ids of their records."""
        self._expire()
        for record in records:
            self._removed.pop((owner, record), None)
        if self._staleness <= 0:
            return
        until = self._now() + self._staleness
        for state in states:
            of_owner = self._states.setdefault(owner, {})
            known = of_owner.get(state.id)
            last = state if known is None else merged(known.state, state)
            of_owner[state.id] = RecentState(name_of(last), encode(last))
            self._written[owner, state.id] = until
            self._written.move_to_end((owner, state.id))

    def remove(self, owner: Owner, records: Sequence[str]) -> None:
        """Remember that records are gone."""
        if self._staleness > 0:
            self._expire()
            until = self._now() + self._staleness
            for record in records:
                self._removed[owner, record] = until
                self._removed.move_to_end((owner, record))

    def forget(self, owner: Owner, ids: Collection[str]) -> None:
        """Forget the states of memories."""
        for memory_id in ids:
            if self._written.pop((owner, memory_id), None) is not None:
                self._drop(owner, memory_id)

    def of(self, owner: Owner) -> Mapping[str, RecentState]:
        """Return the states of an owner, by their ids."""
        self._expire()
        return dict(self._states.get(owner, {}))

    def owners(self) -> list[Owner]:
        """Return the owners of recent states."""
        self._expire()
        return [*self._states]

    def is_removed(self, owner: Owner, record: str) -> bool:
        """Return whether this process has removed a record lately."""
        return (owner, record) in self._removed

    def have_lost(self) -> set[Owner]:
        """Return the owners of whom this process has removed a record lately."""
        self._expire()
        return {owner for owner, _ in self._removed}

    def _expire(self) -> None:
        now = next(iter(self._readings.values()), self._now())
        while self._written and next(iter(self._written.values())) <= now:
            (owner, memory_id), _ = self._written.popitem(last=False)
            self._drop(owner, memory_id)
        while self._removed and next(iter(self._removed.values())) <= now:
            self._removed.popitem(last=False)

    def _drop(self, owner: Owner, memory_id: str) -> None:
        of_owner = self._states[owner]
        del of_owner[memory_id]
        if not of_owner:
            del self._states[owner]
