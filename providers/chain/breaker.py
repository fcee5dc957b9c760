"""A circuit breaker: a provider that keeps failing is left alone, then asked again by one caller at a time."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from types import TracebackType

from providers import background
from providers.chain.breaker_state import BreakerSnapshot, BreakerState
from providers.chain.errors import BreakerOpen, tells_against_provider
from providers.chain.policy import BreakerPolicy, OperationClass
from providers.chain.tally import Tally
from providers.errors import TimedOut

_MOST_DOUBLINGS = 20  # far beyond every longest pause, and still no overflow
_FORCED = frozenset({BreakerState.FORCED_OPEN, BreakerState.FORCED_CLOSED})
_REFUSING = frozenset({BreakerState.OPEN, BreakerState.FORCED_OPEN})
_ILL = frozenset({BreakerState.OPEN, BreakerState.HALF_OPEN})


def _nobody_listens(snapshot: BreakerSnapshot) -> None:
    """Take a change of state, and do nothing about it."""


class CircuitBreaker:
    """Let calls to one provider through, or refuse them; used from one event loop, each process has its own.

    It judges the provider and not one caller's request, which may be dear: timeouts count apart for each class of
    operations, and before they, or failures in a row, open it for all, `answers` asks the provider for next to nothing.
    Without that question they speak for themselves.

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
        answers: Callable[[], Awaitable[bool]] | None = None,
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
        self._last_error: str | None = None
        self._answers = answers
        self._asking: asyncio.Task[None] | None = None
        self._asked_in = 0  # term
        self._all = Tally(policy, now)
        self._certain = Tally(policy, now)  # all but timeouts, each of which is counted for its class alone
        self._timeouts = {operation: Tally(policy, now) for operation in OperationClass}

    def admit(self, operation: OperationClass) -> "_Admission":
        """Let one call through, and learn from how the context ends.

        Raises:
            BreakerOpen: not now.
        """
        return _Admission(self, operation)

    async def close(self) -> None:
        """Ask nothing any more."""
        if self._asking is not None:
            await background.stop(self._asking)

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

    @property
    def on_probation(self) -> bool:
        """Whether the pause is over, and the next call shows whether it was enough."""
        return self._state in _ILL and self._now() >= self._until

    def recovered(self) -> None:
        """Take note that a call has succeeded although nobody was to be let through."""
        if self._state in _ILL:
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
            calls=self._all.calls,
            failures=self._all.failures,
            failures_in_a_row=self._all.failures_in_a_row,
        )

    def _wake(self) -> None:
        if self._state is BreakerState.OPEN and self._now() >= self._until:
            self._change(BreakerState.HALF_OPEN, "the pause is over, one call at a time may try")

    def ended(self, term: int, operation: OperationClass, error: BaseException | None) -> None:
        """Learn from how a call ended that began in this term."""
        if term != self._term:
            return
        if error is None:
            self._probing = False
            self._succeeded(operation)
        elif tells_against_provider(error):
            self._last_error = type(error).__name__
            self._failed(operation, timed_out=isinstance(error, TimedOut))
        else:
            self._probing = False  # an outcome that says nothing gives the place to the next

    def _succeeded(self, operation: OperationClass) -> None:
        if self._state is BreakerState.HALF_OPEN:
            self._close("a probe succeeded")
            return
        for tally in (self._all, self._certain, self._timeouts[operation]):
            tally.succeeded()

    def _failed(self, operation: OperationClass, *, timed_out: bool) -> None:
        tally = self._timeouts[operation] if timed_out else self._certain
        self._all.failed()
        tally.failed()
        if self._state is BreakerState.HALF_OPEN:
            self._suspect(f"the probe failed: {self._last_error}", certain=not timed_out)
        elif self._state is BreakerState.CLOSED and (why := tally.too_much()):
            what = f"{operation.value}: {why}" if timed_out else why
            self._suspect(f"{what}, the last was {self._last_error}", certain=not timed_out and tally.often)

    def _suspect(self, why: str, *, certain: bool) -> None:
        """Open, at once or after asking."""
        if certain or self._answers is None:
            self._open(why)
        elif self._asking is None or self._asking.done() or self._asked_in != self._term:
            if self._asking is not None:
                self._asking.cancel()
            self._asked_in = self._term
            self._asking = background.start_once(
                self._ask(self._answers, self._term, why), f"ask whether {self.provider} answers"
            )

    async def _ask(self, answers: Callable[[], Awaitable[bool]], term: int, why: str) -> None:
        found_well = await answers()
        if term != self._term:
            return  # an operator, or a last resort, was faster
        if not found_well:
            self._open(f"{why}; it did not answer a probe either")
        elif self._state is BreakerState.HALF_OPEN:
            self._close("a probe succeeded")
        else:
            self._forget()

    def _open(self, why: str) -> None:
        policy = self._policy
        length = min(policy.first_pause * 2 ** min(self._pauses, _MOST_DOUBLINGS), policy.longest_pause)
        self._pauses += 1
        self._until = self._now() + length * (1 + policy.jitter * self._chance())
        self._change(BreakerState.OPEN, why)

    def _close(self, why: str) -> None:
        self._pauses = 0
        self._forget()
        self._change(BreakerState.CLOSED, why)

    def _forget(self) -> None:
        for tally in (self._all, self._certain, *self._timeouts.values()):
            tally.clear()

    def _change(self, state: BreakerState, why: str) -> None:
        self._state = state
        self._why = why
        self._since = self._now()
        self._term += 1
        self._probing = False
        self._changed(self.snapshot())


class _Admission:
    """A context manager by hand, since it stands in the path of every call."""

    __slots__ = ("_breaker", "_operation", "_term")

    def __init__(self, breaker: CircuitBreaker, operation: OperationClass) -> None:
        self._breaker = breaker
        self._operation = operation
        self._term = 0

    def __enter__(self) -> None:
        self._term = self._breaker.begin()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._breaker.ended(self._term, self._operation, error)
