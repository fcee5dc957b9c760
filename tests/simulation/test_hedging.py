"""A home that is slow or hangs is invisible to those who read, and nothing that is nearly right does the same."""

import math
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from providers.chain.policy import HedgingPolicy
from providers.errors import MemoryNotFound, Unavailable
from providers.introduction import Introduction
from providers.memory.provider import MockMemoryProvider
from providers.answers import Fetched
from providers.replica import Replica
from providers.states.clock import HybridClock
from providers.types import Owner
from tests.simulation.design import RealDesign
from tests.simulation.drawing import script_of
from tests.simulation.events import Ending, Event
from tests.simulation.hedging_mutants import CancelledIsNeutral, NothingBelieved
from tests.simulation.run import run
from tests.simulation.script import Act, Fault, Mode, Script, Slowness, Step

_READERS = 4
_READS = 250  # of each
_PAUSE = 0.1  # seconds between two reads of one client
_FROM = 8.0  # seconds in which home is as quick as ever
_AT_FIRST = 10.0  # seconds in which it is found out that home is slow
_USUAL = 4.0  # times the milliseconds of the simulation, so that what is ten times slower is slower than any patience
_FACTOR = HedgingPolicy().factor

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


@pytest.fixture(scope="module")
def standby() -> float:
    """The 99th percentile of reads from a standby that is well."""
    return _seconds([one for one in run(_READ).events if one.act is Act.GET], 0.0)


@pytest.mark.parametrize("times", [10.0, 100.0, math.inf], ids=["10x", "100x", "hanging"])
def test_a_slow_home_is_invisible(times: float, standby: float) -> None:
    """At first reads take patience and what the standby takes; once home is asked second, the latter alone."""
    events = [one for one in run(_slow(times)).events if one.act is Act.GET]

    assert {one.ending for one in events} == {Ending.DONE}
    assert _seconds(events, _FROM, _FROM + _AT_FIRST) <= 1.2 * _FACTOR * standby + 2 * standby
    assert _seconds(events, _FROM + _AT_FIRST) < 2 * standby


@pytest.mark.parametrize("times", [100.0, math.inf], ids=["100x", "hanging"])
def test_who_does_not_count_what_was_cancelled_waits_all_the_time(times: float, standby: float) -> None:
    """Nobody is asked second whose slow calls are all given up for their hedges."""
    events = [one for one in run(_slow(times), CancelledIsNeutral()).events if one.act is Act.GET]

    assert _seconds(events, _FROM + _AT_FIRST) > 2 * standby
