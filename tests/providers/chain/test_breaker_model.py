"""The breaker does in every order of events what a plain list of them says it should."""

import contextlib
from contextlib import AbstractContextManager

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from providers.chain.breaker import CircuitBreaker
from providers.chain.errors import BreakerOpen
from providers.chain.policy import BreakerPolicy, OperationClass
from providers.errors import MemoryNotFound, Unavailable
from tests.support.clock import FakeClock

ERRORS = {"ok": None, "failure": Unavailable("down"), "neutral": MemoryNotFound("m")}


class Model:
    """The rules, told over the list of all that ended since the breaker last closed."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.state = "closed"
        self.until = 0.0
        self.pause = 5.0
        self.ended: list[tuple[float, bool]] = []  # (when, failed)
        self.probes = 0

    def wake(self) -> None:
        """Let the pause end."""
        if self.state == "open" and self.clock.now >= self.until:
            self.state = "half_open"

    def lets_through(self) -> bool:
        """Return whether a call would pass."""
        self.wake()
        return self.state in {"closed", "forced_closed"} or (self.state == "half_open" and not self.probes)

    def end(self, outcome: str) -> None:
        """A call of the present state ended."""
        if self.state == "half_open":
            self.probes = 0
        if outcome == "neutral" or self.state == "forced_closed":
            return
        if self.state == "half_open" and outcome == "ok":
            self.state, self.pause, self.ended = "closed", 5.0, []
            return
        self.ended.append((self.clock.now, outcome == "failure"))
        second = int(self.clock.now)
        recent = [failed for when, failed in self.ended if int(when) > second - 10]
        in_a_row = [failed for _, failed in self.ended[-5:]] == [True] * 5
        half = len(recent) >= 10 and sum(recent) >= 0.5 * len(recent)
        if outcome == "failure" and (self.state == "half_open" or in_a_row or half):  # a success never opens
            self.state, self.until = "open", self.clock.now + self.pause
            self.pause = min(60.0, 2 * self.pause)


class BreakerAgainstModel(RuleBasedStateMachine):
    """Calls begin and end in any order while time passes and operators interfere."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.breaker = CircuitBreaker("home", BreakerPolicy(), self.clock, lambda: 0.0)
        self.model = Model(self.clock)
        self.changes = 0
        self.running: list[tuple[int, AbstractContextManager[None]]] = []

    @rule()
    def begin(self) -> None:
        """A call begins, if it may."""
        call = self.breaker.admit(OperationClass.READ)
        expected = self.model.lets_through()
        try:
            call.__enter__()
        except BreakerOpen:
            assert not expected
        else:
            assert expected
            self.model.probes += self.model.state == "half_open"
            self.running.append((self.term, call))

    @precondition(lambda self: self.running)
    @rule(which=st.integers(min_value=0), outcome=st.sampled_from(["ok", "failure", "failure", "neutral"]))
    def end(self, which: int, outcome: str) -> None:
        """A call ends."""
        term, call = self.running.pop(which % len(self.running))
        before = self.model.state
        if term == self.term:
            self.model.end(outcome)
        error = ERRORS[outcome]
        with contextlib.suppress(Unavailable, MemoryNotFound):
            assert not call.__exit__(type(error) if error else None, error, None)
        self.note(before)

    @rule(outcomes=st.lists(st.sampled_from(["ok", "failure"]), min_size=1, max_size=12))
    def burst(self, outcomes: list[str]) -> None:
        """Some calls begin and end one after the other."""
        for outcome in outcomes:
            if self.model.lets_through():
                self.begin()
                self.end(len(self.running) - 1, outcome)

    @rule(seconds=st.one_of(st.floats(min_value=0, max_value=12), st.just(60.0)))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        before = self.model.state
        self.clock.now += seconds
        self.model.wake()
        self.note(before)

    @rule(state=st.sampled_from(["forced_open", "forced_closed"]))
    def force(self, state: str) -> None:
        """An operator interferes."""
        (self.breaker.force_open if state == "forced_open" else self.breaker.force_closed)("because")
        self.model.state, self.model.probes = state, 0
        self.changes += 1

    @rule()
    def release(self) -> None:
        """An operator lets go."""
        self.breaker.release()
        if self.model.state.startswith("forced"):
            self.model.state, self.model.pause, self.model.ended = "closed", 5.0, []
            self.changes += 1

    @invariant()
    def agree(self) -> None:
        """Both are in the same state and refuse the same; at most one probe runs."""
        assert self.model.lets_through() is not self.breaker.refuses()
        assert self.breaker.snapshot().state == self.model.state
        assert self.model.probes <= 1

    @property
    def term(self) -> int:
        """How often the model has changed its state."""
        return self.changes

    def note(self, before: str) -> None:
        """Count a change of state."""
        self.changes += before != self.model.state


TestBreakerAgainstModel = BreakerAgainstModel.TestCase
TestBreakerAgainstModel.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
