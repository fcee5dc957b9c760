"""How quick reads are while home is slow: at first within patience, and then as with the standby alone."""

import asyncio
import time
from collections.abc import Iterator
from functools import partial

import httpx
import pytest

from providers.chain.hedging.patience import SLICE_SECONDS
from providers.chain.policy import HedgingPolicy
from tests.faults.arrivals import Arrivals, Outcome, begin, outcome_of
from tests.faults.lab import Lab, running_lab
from tests.faults.overload import fill, port_of
from tests.faults.starving import known_to_be_complete
from tests.faults.test_slow_home import Trouble
from tests.support.faults import hanging, slowed

pytestmark = pytest.mark.soak

USER = "anna"
RATE = 20.0  # reads a second
SECONDS = 10.0
PATIENCE = HedgingPolicy().least_patience * 1_000  # ms, with a home that answers within a few in good times
_CALM = 15.0  # seconds after which home is asked first again


def reads(lab: Lab, seconds: float) -> Outcome:
    """Recall for so long at a constant rate."""
    load = Arrivals(
        port=port_of(lab.service),
        rate=RATE,
        seconds=seconds,
        path="/memory/recall",
        bodies=['{"query": "what did I drink"}'],
        users=[USER],
    )
    return outcome_of(begin(load))


def said(what: str, outcome: Outcome) -> str:
    """Describe an outcome in a line of the report."""
    return f"{what:<24}{outcome.statuses} p50 {outcome.served_p50:.1f} p99 {outcome.served_p99:.1f} ms"


def force(lab: Lab, state: str) -> None:
    """Set the circuit breaker of home."""
    url = f"{lab.service.url}/admin/providers/home/breaker"
    httpx.put(url, json={"state": state}, trust_env=False).raise_for_status()


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Two databases with memories of one user, and a service that has learned how quick home is in good times."""
    with running_lab() as opened:
        fill(opened.service, (USER,), 500)
        asyncio.run(known_to_be_complete(opened.service.url))
        for _ in range(2):  # the first slice has the answers to the first questions, which are the slowest
            reads(opened, SLICE_SECONDS + 1)
        yield opened


@pytest.fixture(scope="module")
def alone(lab: Lab) -> Outcome:
    """The standby in good times, without home."""
    force(lab, "open")
    reads(lab, 2)
    outcome = reads(lab, SECONDS)
    force(lab, "auto")
    print("\n" + said("standby alone", outcome))
    return outcome


@pytest.mark.parametrize(
    ("trouble", "beyond_patience"),
    [
        # Home answers just within patience then, so that nobody else is asked: 3 ms become some 50, and 100 at most.
        pytest.param(partial(slowed, factor=10), False, id="10 times"),
        pytest.param(partial(slowed, factor=100), True, id="100 times"),
        pytest.param(hanging, True, id="hangs"),
    ],
)
def test_reads_beside_a_slow_home(lab: Lab, alone: Outcome, trouble: Trouble, *, beyond_patience: bool) -> None:
    """All are answered: within patience and twice the time of the standby at first, in twice its time later."""
    reads(lab, _CALM)
    with trouble(lab.databases["home"].server):
        first = reads(lab, SECONDS)
        afterwards = reads(lab, SECONDS)
    time.sleep(1)
    print("\n" + said("at first", first) + "\n" + said("afterwards", afterwards))

    assert first.served == first.sent
    assert afterwards.served == afterwards.sent
    assert first.served_p99 <= PATIENCE + 2 * alone.served_p99
    assert afterwards.served_p99 <= (0 if beyond_patience else PATIENCE) + 2 * alone.served_p99
