"""Figures of several workers as those of one service: what is added, and what is told as one of them says it."""

from math import isnan, nan

import pytest
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.metrics import MetricWrapperBase

from observability.metrics import Metrics, expose
from observability.workers.figures import Figures, decode, encode, figures_of, registry_of
from observability.workers.merging import GAUGES, STATES, merged
from providers.chain.breaker_state import BreakerState
from providers.chain.status import Role


class Worker:
    """A worker's metrics."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry)

    @property
    def figures(self) -> Figures:
        """What another worker gets of them."""
        return decode(encode(figures_of(self.registry)))

    def breaker(self, now: BreakerState) -> None:
        """Put the breaker of `native` into a state."""
        for state in BreakerState:
            self.metrics.breaker_state.labels("native", state.value).set(state is now)


def exposed(registry: CollectorRegistry) -> str:
    """As it is scraped."""
    return expose(registry, "application/openmetrics-text")[0].decode()


def told(*living: Worker, departed: Worker | None = None) -> CollectorRegistry:
    """What is scraped."""
    gone = [] if departed is None else [departed.figures]
    return registry_of(merged([worker.figures for worker in living], gone))


def test_one_worker_tells_what_it_has() -> None:
    """Sent, kept and merged, figures are the same to the last letter, with their exemplars."""
    worker = Worker()
    worker.metrics.build.info({"version": "1"})
    worker.metrics.observe_operation("native", "recall", "ok", 0.003)
    worker.metrics.retries.labels("native", "recall").inc(exemplar={"trace_id": "a1"})

    assert exposed(told(worker)) == exposed(worker.registry)


def test_counts_are_added_and_outlive_their_worker() -> None:
    """Those of the dead as well, since a counter must not go back."""
    one, other, dead = Worker(), Worker(), Worker()
    for worker in (one, other, dead):
        worker.metrics.observe_operation("native", "recall", "ok", 0.003)
        worker.metrics.retries.labels("native", "recall").inc(2)

    found = told(one, other, departed=dead)
    labels = {"provider": "native", "operation": "recall", "outcome": "ok"}
    assert found.get_sample_value("ninai_operation_duration_seconds_count", labels) == 3
    assert found.get_sample_value("ninai_operation_duration_seconds_bucket", labels | {"le": "0.005"}) == 3
    assert found.get_sample_value("ninai_operation_duration_seconds_bucket", labels | {"le": "0.0025"}) == 0
    assert found.get_sample_value("ninai_provider_retries_total", {"provider": "native", "operation": "recall"}) == 6


def test_what_is_happens_in_living_workers_alone() -> None:
    """A dead one has no calls under way, and nothing waits for it."""
    living, dead = Worker(), Worker()
    for worker in (living, dead):
        worker.metrics.calls_in_flight.labels("native").set(4)
        worker.metrics.build.info({"version": "1"})

    found = told(living, departed=dead)
    assert found.get_sample_value("ninai_provider_calls_in_flight", {"provider": "native"}) == 4
    assert found.get_sample_value("ninai_worker_processes") == 1


def test_what_each_has_for_itself_is_added() -> None:
    """Calls under way, connections, and the workers themselves."""
    one, other = Worker(), Worker()
    one.metrics.calls_in_flight.labels("native").set(4)
    other.metrics.calls_in_flight.labels("native").set(3)

    found = told(one, other)
    assert found.get_sample_value("ninai_provider_calls_in_flight", {"provider": "native"}) == 7
    assert found.get_sample_value("ninai_worker_processes") == 2


def test_what_all_see_is_told_once() -> None:
    """A backlog that two workers look at is not two backlogs."""
    one, other = Worker(), Worker()
    one.metrics.journal_pending.labels("mem0").set(5)
    other.metrics.journal_pending.labels("mem0").set(6)

    assert told(one, other).get_sample_value("ninai_journal_pending", {"provider": "mem0"}) == 6


def test_the_journal_is_up_if_every_worker_reaches_it() -> None:
    """One that does not answers with errors; a journal that nobody has is neither up nor down."""
    one, other = Worker(), Worker()
    assert isnan(told(one, other).get_sample_value("ninai_journal_up") or 0)

    one.metrics.journal_up.set(1)
    other.metrics.journal_up.set(nan)  # it has only just started
    assert told(one, other).get_sample_value("ninai_journal_up") == 1

    other.metrics.journal_up.set(0)
    assert told(one, other).get_sample_value("ninai_journal_up") == 0


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        pytest.param(BreakerState.CLOSED, BreakerState.CLOSED, "closed", id="both well"),
        pytest.param(BreakerState.CLOSED, BreakerState.OPEN, "open", id="one open"),
        pytest.param(BreakerState.HALF_OPEN, BreakerState.OPEN, "open", id="one of them probes"),
        pytest.param(BreakerState.HALF_OPEN, BreakerState.CLOSED, "half_open", id="one still probes"),
        pytest.param(BreakerState.FORCED_OPEN, BreakerState.CLOSED, "forced_open", id="one forced"),
    ],
)
def test_a_breaker_is_in_one_state(one: BreakerState, other: BreakerState, expected: str) -> None:
    """The worst that it is in anywhere, as if there were one."""
    first, second = Worker(), Worker()
    first.breaker(one)
    second.breaker(other)

    found = told(first, second)
    states = {
        state.value: found.get_sample_value("ninai_breaker_state", {"provider": "native", "state": state.value})
        for state in BreakerState
    }
    assert states == {state.value: float(state.value == expected) for state in BreakerState}


def test_workers_with_different_configurations_are_seen() -> None:
    """Each is told, so that there are two."""
    one, other = Worker(), Worker()
    one.metrics.show_config("a,b", "1")
    other.metrics.show_config("b,a", "2")

    found = told(one, other)
    assert found.get_sample_value("ninai_config_info", {"order": "a,b", "hash": "1"}) == 1
    assert found.get_sample_value("ninai_config_info", {"order": "b,a", "hash": "2"}) == 1


def test_the_newest_exemplar_is_told() -> None:
    """Of several requests in one bucket, whichever worker answered."""
    one, other = Worker(), Worker()
    for worker, trace in ((one, "a1"), (other, "b2")):
        worker.metrics.operation_duration.labels("native", "recall", "ok").observe(0.003, {"trace_id": trace})

    text = exposed(told(other, one))
    assert 'trace_id="b2"' in text
    assert 'trace_id="a1"' not in text


def test_every_gauge_has_a_rule() -> None:
    """Nobody can tell by its name whether it is to be added."""
    gauges = {
        described.name
        for instrument in vars(Worker().metrics).values()
        if isinstance(instrument, MetricWrapperBase)
        for described in instrument.describe()
        if described.type == "gauge"
    }
    of_process = {
        family.name for family in ProcessCollector(registry=CollectorRegistry()).collect() if family.type == "gauge"
    }

    assert gauges | of_process | {"python_info"} == {*GAUGES, *STATES}


def test_every_state_has_a_place() -> None:
    """Of breakers and of roles."""
    assert {state.value for state in BreakerState} == set(STATES["ninai_breaker_state"][1])
    assert {role.value for role in Role} == set(STATES["ninai_provider_role"][1])
