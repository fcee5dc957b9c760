"""What happens in a chain is counted, and everything that can be counted is there from the start."""

from math import isnan

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from observability.metrics import Metrics
from providers.chain.backfill import Progress
from providers.chain.breaker import CircuitBreaker
from providers.chain.breaker_state import BreakerSnapshot, BreakerState
from providers.chain.counting import FAILURES, CountingObserver
from providers.chain.errors import OrderRefused
from providers.chain.observer import Attempt, GivenUp, HedgeEvent, JournalCall, LateEnd, SlowReason
from providers.chain.policy import BreakerPolicy, OperationClass
from providers.chain.route import NobodyInSync
from providers.chain.status import ChainStatus, ProviderStatus, Role
from providers.errors import Unavailable
from providers.journal.base import JournalUnavailable
from providers.journal.operations import JournalStatus
from providers.keys.looking import UnknownToStores
from tests.providers.chain.rig import end, fail
from tests.support.clock import FakeClock

RECALL = OperationClass.RECALL
JOURNAL = JournalStatus(operations=3, tombstones=0, last_seq=3, backlogs=())
CLOSED = BreakerSnapshot(
    provider="home",
    state=BreakerState.CLOSED,
    why="never failed",
    seconds_in_state=0.0,
    seconds_to_probe=None,
    last_error=None,
    calls=0,
    failures=0,
    failures_in_a_row=0,
)


class Counted:
    """An observer, and what a scrape would show."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.observer = CountingObserver(Metrics(self.registry))

    def value(self, metric: str, **labels: str) -> float | None:
        """Return one sample, None if there is none."""
        return self.registry.get_sample_value(metric, labels)

    def gauges_of(self, provider: str) -> set[str]:
        """Return the names of all gauges with the label of a provider."""
        gauges = (metric for metric in self.registry.collect() if metric.type == "gauge")
        return {
            sample.name for gauge in gauges for sample in gauge.samples if sample.labels.get("provider") == provider
        }

    @property
    def states(self) -> dict[str, float | None]:
        """The gauge of the breaker of `home`, by state."""
        return {state.value: self.value("ninai_breaker_state", provider="home", state=state) for state in BreakerState}

    @property
    def state(self) -> list[str]:
        """The states that the breaker of `home` is said to be in."""
        return [state for state, value in self.states.items() if value]


def attempt(number: int, outcome: str) -> Attempt:
    """Return an attempt at `home`."""
    return Attempt(provider="home", operation=RECALL, outcome=outcome, seconds=0.03, number=number)


def status(role: Role, journal: JournalStatus | None, journal_error: str | None = None) -> ChainStatus:
    """Return a chain of one provider with a backlog."""
    provider = ProviderStatus(
        name="home",
        role=role,
        breaker=CLOSED,
        in_flight=0,
        places=1,
        retries_left=3,
        pending=3,
        dead=1,
        oldest_pending_seconds=2.5,
    )
    return ChainStatus(
        order=("home",), home="home", providers=(provider,), journal=journal, journal_error=journal_error
    )


def test_everything_is_there_from_the_start() -> None:
    """Before anything happens there are zeros, so that a rate sees the first event."""
    counted = Counted()
    counted.observer.expect("home", "native")

    for operation in OperationClass:
        of = {"provider": "home", "operation": operation.value}
        assert counted.value("ninai_provider_attempt_duration_seconds_count", **of, outcome="ok") == 0
        assert counted.value("ninai_provider_retries_total", **of) == 0
        for outcome in ("unavailable", "timeout", "misconfigured"):
            assert counted.value("ninai_provider_attempt_duration_seconds_count", **of, outcome=outcome) == 0
        for reason in GivenUp:
            assert counted.value("ninai_provider_retries_given_up_total", **of, reason=reason.value) == 0
    assert counted.value("ninai_journal_delivery_lag_seconds_count", provider="home") == 0
    for call in JournalCall:
        for outcome in ("ok", "journal_unavailable"):
            assert counted.value("ninai_journal_duration_seconds_count", call=call.value, outcome=outcome) == 0
    for outcome in ("done", "postponed", "dead"):
        assert counted.value("ninai_journal_deliveries_total", provider="home", outcome=outcome) == 0
    for late in LateEnd:
        assert counted.value("ninai_background_tries_total", provider="home", outcome=late.value) == 0
    for slow in SlowReason:
        assert counted.value("ninai_slowed_writes_total", reason=slow.value) == 0
    for state in BreakerState:
        assert counted.value("ninai_breaker_transitions_total", provider="home", state=state.value) == 0
    assert counted.state == ["closed"]


def test_a_provider_that_is_not_expected_has_no_children() -> None:
    """Nothing is said about a provider that nobody opened."""
    counted = Counted()
    counted.observer.expect("home", "native")

    assert counted.value("ninai_breaker_state", provider="standby", state="closed") is None


def test_a_breaker_is_always_in_one_state() -> None:
    """Every change sets its own state and takes back the former, and is counted once."""
    counted, clock = Counted(), FakeClock()
    counted.observer.expect("home", "native")
    breaker = CircuitBreaker("home", BreakerPolicy(), clock, lambda: 0.0, counted.observer.breaker_changed)
    seen = []
    for _ in range(5):
        fail(breaker)
    seen.append(counted.state)
    clock.now += 5
    breaker.refuses()
    seen.append(counted.state)
    end(breaker)
    seen.append(counted.state)
    breaker.force_open("maintenance")
    seen.append(counted.state)
    breaker.force_closed("never mind")
    seen.append(counted.state)

    assert seen == [["open"], ["half_open"], ["closed"], ["forced_open"], ["forced_closed"]]
    transitions = [
        counted.value("ninai_breaker_transitions_total", provider="home", state=state) for state in BreakerState
    ]
    assert transitions == [1] * 5


def test_tries_and_retries_are_told_apart() -> None:
    """Every try is timed under its outcome; those after the first are retries."""
    counted = Counted()
    counted.observer.expect("home", "native")
    counted.observer.tried(attempt(1, "timed_out"))
    counted.observer.tried(attempt(2, "ok"))

    of = {"provider": "home", "operation": "recall"}
    assert counted.value("ninai_provider_attempt_duration_seconds_count", **of, outcome="timed_out") == 1
    assert counted.value("ninai_provider_attempt_duration_seconds_sum", **of, outcome="ok") == 0.03
    assert counted.value("ninai_provider_retries_total", **of) == 1


def test_what_is_given_up_falls_back_and_is_delivered_is_counted() -> None:
    """Each under its own reason or outcome."""
    counted = Counted()
    counted.observer.gave_up("home", RECALL, GivenUp.BUDGET)
    counted.observer.fell_back("home", "standby", RECALL, "timed_out")
    counted.observer.delivered("standby", "done", 7)
    counted.observer.contradicted("standby")
    counted.observer.ended_late("home", LateEnd.GIVEN_UP)
    counted.observer.slowed(SlowReason.OLD)

    of = {"operation": "recall"}
    assert counted.value("ninai_provider_retries_given_up_total", **of, provider="home", reason="budget") == 1
    assert counted.value("ninai_fallbacks_total", **of, source="home", target="standby", reason="timed_out") == 1
    assert counted.value("ninai_journal_deliveries_total", provider="standby", outcome="done") == 7
    assert counted.value("ninai_provider_contradictions_total", provider="standby") == 1
    assert counted.value("ninai_background_tries_total", provider="home", outcome="given_up") == 1
    assert counted.value("ninai_slowed_writes_total", reason="old_backlog") == 1


def test_a_provider_has_one_role() -> None:
    """A new role takes the place of the former."""
    counted = Counted()
    counted.observer.show(status(Role.FILLING, JOURNAL))
    counted.observer.show(status(Role.HOME, JOURNAL))

    roles = {role.value: counted.value("ninai_provider_role", provider="home", role=role) for role in Role}
    assert roles == {"home": 1, "standby": 0, "filling": 0, "restored": 0}


def test_a_breaker_that_was_replaced_has_not_the_last_word() -> None:
    """A call that began under former settings may fail late; the next look shows the breaker in force again."""
    counted = Counted()
    counted.observer.expect("home", "native")
    counted.observer.breaker_changed(replace(CLOSED, state=BreakerState.OPEN))
    counted.observer.show(status(Role.HOME, JOURNAL))

    assert counted.state == ["closed"]


def test_a_name_stands_for_one_kind() -> None:
    """A provider that was replaced by one of another kind is told once, as what it is now."""
    counted = Counted()
    counted.observer.expect("home", "mock")
    counted.observer.expect("home", "native")

    assert counted.value("ninai_provider_info", provider="home", kind="mock") is None
    assert counted.value("ninai_provider_info", provider="home", kind="native") == 1


def test_how_busy_a_provider_is() -> None:
    """Calls under way, how many there may be, and what is left for retries."""
    counted = Counted()
    counted.observer.show(status(Role.HOME, JOURNAL))

    shown = [
        counted.value(f"ninai_provider_{name}", provider="home")
        for name in ("calls_in_flight", "places", "retries_left")
    ]
    assert shown == [0, 1, 3]


def test_the_backlog_is_shown() -> None:
    """What is pending, how old it is, and what was given up."""
    counted = Counted()
    counted.observer.show(status(Role.HOME, JOURNAL))

    shown = [
        counted.value(f"ninai_journal_{name}", provider="home")
        for name in ("pending", "oldest_pending_seconds", "dead")
    ]
    assert shown == [3, 2.5, 1]
    assert counted.value("ninai_journal_up") == 1


def test_a_journal_out_of_reach_shows_no_backlog() -> None:
    """What is not known is not shown as nothing: the last backlog stands, and the journal is down."""
    counted = Counted()
    counted.observer.show(status(Role.HOME, JOURNAL))
    counted.observer.show(status(Role.HOME, None, "out of reach"))

    assert counted.value("ninai_journal_up") == 0
    assert counted.value("ninai_journal_pending", provider="home") == 3


def test_without_a_journal_it_is_neither_up_nor_down() -> None:
    """A single provider needs none, and nobody is to be called for it."""
    counted = Counted()
    counted.observer.show(status(Role.HOME, None))

    shown = counted.value("ninai_journal_up")
    assert shown is not None
    assert isnan(shown)


def test_who_has_left_the_order_is_shown_no_longer() -> None:
    """The last values of its gauges would look like its state for ever."""
    counted = Counted()
    counted.observer.expect("home", "native")
    counted.observer.show(status(Role.HOME, JOURNAL))
    shown = counted.gauges_of("home")
    counted.observer.show(ChainStatus(order=(), home=None, providers=(), journal=JOURNAL))

    assert shown == {
        "ninai_provider_role",
        "ninai_provider_info",
        "ninai_provider_calls_in_flight",
        "ninai_provider_places",
        "ninai_provider_retries_left",
        "ninai_background_tries_in_flight",
        "ninai_provider_asked_second",
        "ninai_breaker_state",
        "ninai_journal_pending",
        "ninai_journal_oldest_pending_seconds",
        "ninai_journal_dead",
        "ninai_store_differences",
        "ninai_store_refused",
    }
    assert counted.gauges_of("home") == set()


def test_what_may_happen_between_providers_is_there_from_the_start() -> None:
    """Fallbacks from each to each after it, for every reason, and what answers may lack."""
    counted = Counted()
    counted.observer.expect_order(["a", "b", "c"])

    for source, target in (("a", "b"), ("a", "c"), ("b", "c")):
        for operation in ("recall", "read"):
            for reason in FAILURES:
                labels = {"source": source, "target": target, "operation": operation, "reason": reason}
                assert counted.value("ninai_fallbacks_total", **labels) == 0
    assert counted.value("ninai_fallbacks_total", source="b", target="a", operation="read", reason="timeout") is None
    for reason in ("home_timeout", "home_breaker_open", "last_resort", "journal_unavailable"):
        assert counted.value("ninai_degraded_answers_total", operation="recall", reason=reason) == 0
    for reason in ("home_incomplete", "home_slow"):
        assert counted.value("ninai_degraded_answers_total", operation="remember", reason=reason) == 0


@pytest.mark.parametrize("order", [["a"], ["a", "b"]])
def test_an_answer_in_part_is_counted_from_the_start(order: list[str]) -> None:
    """One provider alone may be unable to list all that it has."""
    counted = Counted()
    counted.observer.expect_order(order)

    for operation in ("recall", "recall_many", "list_memories", "delete_all"):
        assert counted.value("ninai_degraded_answers_total", operation=operation, reason="partial") == 0


def test_a_single_provider_falls_back_on_nobody() -> None:
    """What cannot happen is not expected."""
    counted = Counted()
    counted.observer.expect_order(["a"])

    samples = [sample for family in counted.registry.collect() for sample in family.samples]
    assert "ninai_fallbacks_total" not in {sample.name for sample in samples}
    lacking = {sample.labels["reason"] for sample in samples if sample.name == "ninai_degraded_answers_total"}
    assert lacking == {"partial", "restored"}


def test_every_failure_of_a_provider_is_expected() -> None:
    """Of all that there are but those that no provider fails with: they are about the order or the journal."""
    not_of_a_provider: set[type[Unavailable]] = {OrderRefused, NobodyInSync, JournalUnavailable, UnknownToStores}

    def outcomes(kind: type[Unavailable]) -> set[str]:
        if kind in not_of_a_provider or not kind.__module__.startswith("providers."):
            return set()
        return {kind.outcome}.union(*map(outcomes, kind.__subclasses__()))

    assert outcomes(Unavailable) - {"refused"} == set(FAILURES)


def test_a_delivery_is_timed_from_its_acceptance() -> None:
    """Also if the journal's clock was set back meanwhile: it took no time, rather than less than none."""
    counted = Counted()
    counted.observer.confirmed("standby", 3)
    counted.observer.confirmed("standby", -1)

    assert counted.value("ninai_journal_delivery_lag_seconds_count", provider="standby") == 2
    assert counted.value("ninai_journal_delivery_lag_seconds_sum", provider="standby") == 3


def test_waits_for_the_journal_are_timed() -> None:
    """By what was asked for, and how it ended."""
    counted = Counted()
    counted.observer.asked_journal(JournalCall.APPEND, "journal_unavailable", 0.5)

    labels = {"call": "append", "outcome": "journal_unavailable"}
    assert counted.value("ninai_journal_duration_seconds_sum", **labels) == 0.5


def test_a_filling_is_shown_while_it_lasts() -> None:
    """What was copied, compared and repaired; nothing once the provider has received everything."""
    counted = Counted()
    filling = status(Role.FILLING, JOURNAL)
    progress = Progress(copied=7, copied_users=2, verified=5, repaired=1, verifying=True)
    [provider] = filling.providers
    counted.observer.show(replace(filling, providers=(replace(provider, progress=progress),)))
    shown = [
        counted.value("ninai_filling_memories", provider="home", step=step)
        for step in ("copied", "verified", "repaired")
    ]
    users = counted.value("ninai_filling_users", provider="home")
    counted.observer.show(status(Role.HOME, JOURNAL))

    assert (shown, users) == ([7, 5, 1], 2)
    assert counted.value("ninai_filling_memories", provider="home", step="copied") is None
    assert counted.value("ninai_filling_users", provider="home") is None


def test_the_last_calls_to_one_that_has_left_bring_nothing_back() -> None:
    """They may fail, and open its breaker: that is counted, and shown no longer."""
    counted = Counted()
    counted.observer.expect("home", "native")
    counted.observer.show(status(Role.HOME, JOURNAL))
    counted.observer.show(ChainStatus(order=(), home=None, providers=(), journal=JOURNAL))
    counted.observer.breaker_changed(replace(CLOSED, state=BreakerState.OPEN))

    assert counted.gauges_of("home") == set()
    assert counted.value("ninai_breaker_transitions_total", provider="home", state="open") == 1


def test_who_comes_back_into_the_order_is_shown_again() -> None:
    """As it is now, though a status of before may still arrive."""
    counted = Counted()
    counted.observer.expect("home", "native")
    counted.observer.show(status(Role.HOME, JOURNAL))
    left = ChainStatus(order=(), home=None, providers=(), journal=JOURNAL)
    counted.observer.show(left)
    counted.observer.expect("home", "native")
    counted.observer.show(left)

    assert counted.state == ["closed"]
    assert counted.value("ninai_provider_info", provider="home", kind="native") == 1


def test_hedges_are_counted() -> None:
    """By who was asked as well, and what became of it; a write is never hedged."""
    counted = Counted()
    counted.observer.expect("home", "native")
    counted.observer.hedged("home", OperationClass.RECALL, HedgeEvent.SENT)
    counted.observer.hedged("home", OperationClass.RECALL, HedgeEvent.WON)

    found = {
        event.value: counted.value(
            "ninai_provider_hedges_total", provider="home", operation="recall", event=event.value
        )
        for event in HedgeEvent
    }
    assert found == {"sent": 1, "won": 1, "lost": 0, "refused": 0}
    assert counted.value("ninai_provider_hedges_total", provider="home", operation="remember", event="sent") is None


def test_who_is_slow_is_shown() -> None:
    """With the patience that reads have with it."""
    counted = Counted()
    slow = status(Role.HOME, JOURNAL)
    [provider] = slow.providers
    slow = replace(slow, providers=(replace(provider, asked_second=True, patience={"read": 0.25}),))
    counted.observer.show(slow)

    assert counted.value("ninai_provider_asked_second", provider="home") == 1
    assert counted.value("ninai_provider_patience_seconds", provider="home", operation="read") == 0.25
