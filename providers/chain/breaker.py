"""A circuit breaker: a provider that keeps failing is left alone, then asked again by one caller at a time."""

import random
import time
from collections.abc import Callable
from types import TracebackType

from providers.chain.breaker_state import BreakerSnapshot, BreakerState
from providers.chain.errors import BreakerOpen, tells_against_provider
from providers.chain.policy import BreakerPolicy
from providers.chain.window import SlidingCount

_MOST_DOUBLINGS = 20  # far beyond every longest pause, and still no overflow
_FORCED = frozenset({BreakerState.FORCED_OPEN, BreakerState.FORCED_CLOSED})
_REFUSING = frozenset({BreakerState.OPEN, BreakerState.FORCED_OPEN})


def _nobody_listens(snapshot: BreakerSnapshot) -> None:
    """Take a change of state, and do nothing about it."""


class CircuitBreaker:
    """Let calls to one provider through, or refuse them; used from one event loop, each process has its own.

    Source: Nygard, "Release It!" (2nd ed. 2018), chapter 5. `chance` draws from [0, 1); `changed` is called with every
    change of state.
    """

    def __init__(
        self,
        provider: str,
        policy: BreakerPolicy,
        now: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
        changed: Callable[[BreakerSnapshot], None] = _nobody_listens,
    ) -> None:
        self.provider = provider
        self._policy = policy
        self._now = now
        self._chance = chance
        self._changed = changed
        self._state = BreakerState.CLOSED
        self._why = "never failed"
        self._since = now()
        self._until = self._since
        self._term = 0  # counts changes of state: a call that began in an earlier one has no say any more
        self._probing = False
        self._pauses = 0
        self._failures_in_a_row = 0
        self._last_error: str | None = None
        self._calls = SlidingCount(policy.window, now)
        self._failures = SlidingCount(policy.window, now)

    def admit(self) -> "_Admission":
        """Let one call through, and learn from how the context ends.

        Raises:
            BreakerOpen: not now.
        """
        return _Admission(self)

    def begin(self) -> int:
        """Let one call through, and give the term in which it began.

        Raises:
            BreakerOpen: not now.
        """
        self.check()
        self._probing = self._state is BreakerState.HALF_OPEN
        return self._term

    def check(self) -> None:
        """Do nothing, if a call would be let through now.

        Raises:
            BreakerOpen: it would not.
        """
        if self.refuses():
            left = max(0.0, self._until - self._now()) if self._state is BreakerState.OPEN else None
            raise BreakerOpen(f"{self.provider} is left alone: {self._why}", retry_after=left)

    def refuses(self) -> bool:
        """Whether a call would be refused now."""
        if self._state is BreakerState.CLOSED:
            return False  # nearly always, and nothing to wake
        self._wake()
        return self._state in _REFUSING or self._probing

    def force_open(self, reason: str) -> None:
        """Let nobody through until released."""
        self._change(BreakerState.FORCED_OPEN, reason)

    def force_closed(self, reason: str) -> None:
        """Let everybody through until released, whatever fails."""
        self._change(BreakerState.FORCED_CLOSED, reason)

    def release(self) -> None:
        """Take back what was forced, and begin anew; without force nothing changes."""
        if self._state in _FORCED:
            self._close("released by an operator")

    def follow(self, former: "CircuitBreaker") -> None:
        """Go on as an operator has forced the one before this: that was about the provider, whatever its settings."""
        before = former.snapshot()
        if before.state in _FORCED:
            self._change(before.state, before.why)

    @property
    def forced_open(self) -> bool:
        """Whether an operator has closed the way."""
        return self._state is BreakerState.FORCED_OPEN

    def recovered(self) -> None:
        """Take note that a call has succeeded although nobody was to be let through."""
        if self._state in {BreakerState.OPEN, BreakerState.HALF_OPEN}:
            self._close("a last resort succeeded")

    def snapshot(self) -> BreakerSnapshot:
        """What an operator may want to know."""
        self._wake()
        now = self._now()
        return BreakerSnapshot(
            provider=self.provider,
            state=self._state,
            why=self._why,
            seconds_in_state=now - self._since,
            seconds_to_probe=max(0.0, self._until - now) if self._state is BreakerState.OPEN else None,
            last_error=self._last_error,
            calls=self._calls.total(),
            failures=self._failures.total(),
            failures_in_a_row=self._failures_in_a_row,
        )

    def _wake(self) -> None:
        if self._state is BreakerState.OPEN and self._now() >= self._until:
            self._change(BreakerState.HALF_OPEN, "the pause is over, one call at a time may try")

    def ended(self, term: int, error: BaseException | None) -> None:
        """Learn from how a call ended that began in this term."""
        if term != self._term:
            return
        self._probing = False  # an outcome that says nothing gives the place to the next
        if error is None:
            self._succeeded()
        elif tells_against_provider(error):
            self._last_error = type(error).__name__
            self._failed()

    def _succeeded(self) -> None:
        if self._state is BreakerState.HALF_OPEN:
            self._close("a probe succeeded")
            return
        self._failures_in_a_row = 0
        self._calls.add()

    def _failed(self) -> None:
        self._failures_in_a_row += 1
        self._calls.add()
        self._failures.add()
        if self._state is BreakerState.HALF_OPEN:
            self._open(f"the probe failed: {self._last_error}")
        elif self._state is BreakerState.CLOSED and (why := self._too_much()):
            self._open(why)

    def _too_much(self) -> str:
        calls, failures, policy = self._calls.total(), self._failures.total(), self._policy
        if self._failures_in_a_row >= policy.in_a_row:
            return f"{self._failures_in_a_row} failures in a row, the last was {self._last_error}"
        if calls >= policy.least_calls and failures >= policy.failure_share * calls:
            return f"{failures} of {calls} calls failed within {policy.window:g} s, the last was {self._last_error}"
        return ""

    def _open(self, why: str) -> None:
        policy = self._policy
        length = min(policy.first_pause * 2 ** min(self._pauses, _MOST_DOUBLINGS), policy.longest_pause)
        self._pauses += 1
        self._until = self._now() + length * (1 + policy.jitter * self._chance())
        self._change(BreakerState.OPEN, why)

    def _close(self, why: str) -> None:
        self._pauses = 0
        self._failures_in_a_row = 0
        self._calls.clear()
        self._failures.clear()
        self._change(BreakerState.CLOSED, why)

    def _change(self, state: BreakerState, why: str) -> None:
        self._state = state
        self._why = why
        self._since = self._now()
        self._term += 1
        self._probing = False
        self._changed(self.snapshot())


class _Admission:
    """A context manager by hand, since it stands in the path of every call."""

    __slots__ = ("_breaker", "_term")

    def __init__(self, breaker: CircuitBreaker) -> None:
        self._breaker = breaker
        self._term = 0

    def __enter__(self) -> None:
        self._term = self._breaker.begin()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._breaker.ended(self._term, error)
