"""A home that is slow or hangs is invisible to those who read, and nothing that is nearly right does the same."""

import math
from collections.abc import Callable, Sequence

import pytest
from msgspec.structs import replace

from providers.answers import Fetched
from providers.base import MemoryProvider
from providers.chain.observer import HedgeEvent, Unobserved
from providers.chain.policy import HedgingPolicy, OperationClass
from providers.chain.route import Route
from providers.chain.stores.introductions import PROBE_SECONDS
from providers.chain.stores.watch import IDLE_SECONDS
from providers.errors import MemoryNotFound, Unavailable
from providers.introduction import Introduction
from providers.memory.provider import MockMemoryProvider
from providers.owners import Owner
from providers.replica import Replica
from providers.states.clock import HybridClock
from tests.simulation.design import RealDesign
from tests.simulation.drawing import script_of
from tests.simulation.events import Ending, Event
from tests.simulation.hedging_mutants import CancelledIsNeutral, NothingBelieved
from tests.simulation.run import run
from tests.simulation.script import Act, Fault, Mode, Script, Slowness, Step
from tests.support.chain_rig import ChainRig
from tests.support.clock import START

_READERS = 3
_READS = 180  # of each
_PAUSE = 0.1  # seconds between two reads of one client
_FROM = 4.0  # seconds in which home is as quick as ever
_AT_FIRST = 10.0  # seconds in which it is found out that home is slow
_USUAL = 4.0  # times the milliseconds of the simulation, so that what is ten times slower is slower than any patience
_POLICY = HedgingPolicy()
_ROUNDED = 1.2  # times a percentile, as patience is learned

_RUNS = 20

_READ = Script(
    seed=0,
    skews=(0.0, 0.0),
    weak=(False,) * 3,
    steps=tuple(
        Step(client=client, wait=_PAUSE, act=Act.GET, memory=client, replica=0, retries=0)
        for client in range(_READERS)
        for _ in range(_READS)
    ),
    faults=(),
    crashes=(),
    switches=(),
    old=tuple(range(_READERS)),
    looks=False,
    slow=tuple(Slowness(where=where, at=0.0, seconds=1_000.0, factor=_USUAL) for where in ("home", "standby")),
)


def _slow(times: float) -> Script:
    """Let home be so many times slower from a moment on, or hang."""
    if math.isinf(times):
        return replace(_READ, faults=(Fault("home", _FROM, 1_000.0, Mode.HANGING, 1.0),))
    slowness = Slowness(where="home", at=_FROM, seconds=1_000.0, factor=times * _USUAL)
    return replace(_READ, slow=(*_READ.slow, slowness))


def _seconds(events: Sequence[Event], begin: float, end: float = math.inf) -> float:
    """Return the 99th percentile of the reads that began in a while of the run."""
    began = events[0].started
    took = sorted(one.ended - one.started for one in events if not one.final and begin <= one.started - began < end)
    assert len(took) > 100
    return took[math.ceil(0.99 * len(took)) - 1]


class _Watched(RealDesign):
    """What is shipped; it counts hedges."""

    def __init__(self) -> None:
        self.sent = 0

    def provider(self, rig: ChainRig, route: Route, trusted: Callable[[], bool]) -> MemoryProvider:
        """See `Design`."""
        return rig.chained(route, _Counting(self), trusted)


class _Counting(Unobserved):
    def __init__(self, design: _Watched) -> None:
        self._design = design

    def hedged(self, provider: str, operation: OperationClass, event: HedgeEvent) -> None:
        """See `ChainObserver`."""
        self._design.sent += event is HedgeEvent.SENT


def _hedges(seed: int) -> int:
    """Return how many hedges a run has sent."""
    watched = _Watched()
    run(script_of(seed), watched)
    return watched.sent


@pytest.fixture(scope="module")
def standby() -> float:
    """The 99th percentile of reads from a standby that is well."""
    return _seconds([one for one in run(_READ).events if one.act is Act.GET], 0.0)


@pytest.mark.parametrize("times", [10.0, 100.0, math.inf], ids=["10x", "100x", "hanging"])
def test_a_slow_home_is_invisible(times: float, standby: float) -> None:
    """At first reads take patience and what the standby takes; once home is asked second, the latter alone."""
    events = [one for one in run(_slow(times)).events if one.act is Act.GET]

    patience = _POLICY.patience(_ROUNDED * standby)
    assert {one.ending for one in events} == {Ending.DONE}
    assert _seconds(events, _FROM, _FROM + _AT_FIRST) <= patience + 2 * standby
    assert _seconds(events, _FROM + _AT_FIRST) < 2 * standby


@pytest.mark.parametrize("times", [10.0, math.inf], ids=["10x", "hanging"])
def test_who_does_not_count_what_was_cancelled_waits_all_the_time(times: float, standby: float) -> None:
    """Nobody is asked second whose slow calls are all given up for their hedges."""
    events = [one for one in run(_slow(times), CancelledIsNeutral()).events if one.act is Act.GET]

    assert _seconds(events, _FROM + _AT_FIRST) > 2 * standby


class _Restored(MockMemoryProvider):
    """A standby that shows nothing for some seconds, as if it was put back, and does not say who it is meanwhile."""

    def __init__(self, clock: HybridClock, *, since: float, until: float) -> None:
        super().__init__(clock)
        self._versions = clock
        self._since = since
        self._until = until

    async def fetch(self, owner: Owner, memory_id: str) -> Fetched:
        """See `MemoryStore`."""
        if self._empty:
            raise MemoryNotFound(memory_id)
        return await super().fetch(owner, memory_id)

    async def introduce(self) -> Introduction:
        """See `Replica`."""
        if self._empty:
            raise Unavailable("busy with a restore")
        return await super().introduce()

    @property
    def _empty(self) -> bool:
        return self._since <= self._versions.milliseconds() / 1000 - START < self._until


def _with_restored_standby(kind: type[RealDesign]) -> RealDesign:
    class Design(kind):  # type: ignore[valid-type, misc] # a design of that kind
        def store(self, clock: HybridClock, name: str, *, weak: bool) -> Replica:
            real = super().store(clock, name, weak=weak)
            return _Restored(clock, since=_FROM, until=_FROM + _AT_FIRST) if name == "standby" else real

    return Design()


def _not_found(kind: type[RealDesign]) -> int:
    """Count the reads that find nothing while home is slow and the standby put back, once a look has failed."""
    script = replace(_slow(10.0), slow=(*_READ.slow, Slowness(where="home", at=_FROM, seconds=_AT_FIRST, factor=40.0)))
    events = [one for one in run(script, _with_restored_standby(kind)).events if one.act is Act.GET]
    looked = events[0].started + _FROM + IDLE_SECONDS + PROBE_SECONDS
    return sum(one.ending is Ending.ABSENT for one in events if one.started > looked)


def test_what_a_hedge_does_not_find_counts_after_a_good_look_alone() -> None:
    """Home holds it, and is slow; the standby was put back, and cannot say so."""
    assert _not_found(RealDesign) == 0


def test_who_believes_every_hedge_finds_nothing() -> None:
    """In the same run."""
    assert _not_found(NothingBelieved) > 0


@pytest.mark.thorough
def test_reads_are_hedged_in_many_runs() -> None:
    """What goes wrong with hedges goes wrong where there are some."""
    hedged = [seed for seed in range(_RUNS) if _hedges(seed)]

    assert len(hedged) > _RUNS / 4
