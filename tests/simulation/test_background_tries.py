"""Writes outlast the patience with home in simulated runs, and are delivered by nobody else meanwhile."""

from collections.abc import Callable

import pytest

from providers.base import MemoryProvider
from providers.chain.route import Route
from providers.chain.waiting.background_tries import BackgroundTries, Conclude
from providers.chain.waiting.home_try import HomeTry
from providers.journal.operations import Appended, JournalEntry, LeaseToken, OperationKind, Postponed
from tests.simulation.design import RealDesign
from tests.simulation.doubling import Deliveries, Write, relaying
from tests.simulation.drawing import script_of
from tests.simulation.mutants import DeliversAgain
from tests.simulation.run import run
from tests.support.chain_rig import ChainRig
from tests.support.states import live

_SEEDS = (11, 13, 14, 15)  # in which home is slow when something is written
_STATE = live("kannan")
_LEASE = LeaseToken(_STATE.user_id, _STATE.id, 5.0)


class Counted(RealDesign):
    """What is shipped, with a count of the tries that go on in the background."""

    def __init__(self) -> None:
        self.count = 0

    def provider(self, rig: ChainRig, route: Route, trusted: Callable[[], bool]) -> MemoryProvider:
        """Return the usual provider."""
        chained = rig.chained(route, trusted=trusted)
        chained.home.background = _Counting(self)
        return chained


class _Counting(BackgroundTries):
    def __init__(self, design: Counted) -> None:
        super().__init__()
        self._design = design

    def go_on(self, attempt: HomeTry, conclude: Conclude) -> None:
        self._design.count += 1
        super().go_on(attempt, conclude)


def test_writes_outlast_patience() -> None:
    """Where home is slow, and every promise is kept."""
    counts = []
    for seed in _SEEDS:
        design = Counted()
        assert run(script_of(seed), design).wrong == []
        counts.append(design.count)

    assert sum(count > 0 for count in counts) >= 3


def test_nobody_delivers_what_goes_on_in_the_background() -> None:
    """A design whose relay does so is found out in one of these runs."""
    scripts = [script_of(seed) for seed in _SEEDS]

    assert [run(script).doubled for script in scripts] == [[]] * len(_SEEDS)
    assert any(run(script, DeliversAgain()).doubled for script in scripts)


def test_a_relay_that_delivers_what_is_under_way_is_noticed() -> None:
    """While the lease lasts, and as long as the first call does; not afterwards."""
    deliveries, write = _leased()

    with deliveries.under_way("home", [write], 0.0):
        _relay(deliveries, write, 4.0)
        assert len(deliveries.doubled) == 1
        _relay(deliveries, write, 5.0)
    _relay(deliveries, write, 4.0)
    with deliveries.under_way("home", [write], 0.0):
        _relay(deliveries, write, 4.0)

    assert len(deliveries.doubled) == 1


@pytest.mark.parametrize(("store", "doubled"), [("home", 0), ("standby", 1)])
def test_a_lease_that_was_given_back_counts_no_more(store: str, doubled: int) -> None:
    """As when the breaker refuses the first call: whoever repeats the write calls without a lease."""
    deliveries, write = _leased()
    deliveries.settled([Postponed(seq=1, provider=store, lease=_LEASE, delay=0.0, error="breaker_open")])

    with deliveries.under_way("home", [write], 0.0):
        _relay(deliveries, write, 4.0)

    assert len(deliveries.doubled) == doubled


def _leased() -> tuple[Deliveries, Write]:
    """Return deliveries of which one has a lease, and the write that is held by it."""
    deliveries = Deliveries()
    pending = frozenset({"home", "standby"})
    entry = JournalEntry(seq=1, kind=OperationKind.REMEMBER, state=_STATE, pending=pending, lease=_LEASE)
    deliveries.appended("home", [Appended(entry=entry)])
    return deliveries, (_STATE.id, _STATE.version)


def _relay(deliveries: Deliveries, write: Write, now: float) -> None:
    token = relaying.set("home")
    try:
        with deliveries.under_way("home", [write], now):
            pass
    finally:
        relaying.reset(token)
