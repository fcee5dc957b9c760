"""A circuit breaker: a provider that keeps failing is left alone, then asked again by one caller at a time."""

import random
import time
from collections.abc import Awaitable, Callable

from providers.chain.admission import Admission
from providers.chain.breaker_counters import BreakerCounters
from providers.chain.breaker_state import BreakerSnapshot, BreakerState
from providers.chain.errors import BreakerOpen, CutShort, counts_as_failure
from providers.chain.policy import BreakerPolicy, OperationClass
from providers.chain.probe import LivenessProbe
from providers.errors import TimedOut

_MOST_DOUBLINGS = 20  # far beyond every longest pause, and still no overflow
_FORCED = frozenset({BreakerState.FORCED_OPEN, BreakerState.FORCED_CLOSED})
_REFUSING = frozenset({BreakerState.OPEN, BreakerState.FORCED_OPEN})
_ILL = frozenset({BreakerState.OPEN, BreakerState.HALF_OPEN})


def _ignore(snapshot: BreakerSnapshot) -> None:
    """Take a change of state, and do nothing about it."""


class CircuitBreaker:
    """Let calls to one provider through, or refuse them; used from one event loop, each process has its own.

    It judges the provider and not one caller's request, which may be dear: timeouts count apart for each class of
    operations, and before they, or failures in a row, open it for all, `answers` asks the provider for next to nothing.
    It is asked as well when many in a row had too little time to say anything, and at the end of every pause, before a
    caller is let through. Without that question failures speak for themselves.

    Source: Nygard, "Release It!" (2nd ed. 2018), chapter 5. `chance` draws from [0, 1); `changed` is called with every
    change of state.
    """

    def __init__(
        self,
        provider: str,
        policy: BreakerPolicy,
        now: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
        changed: Callable[[BreakerSnapshot], None] = _ignore,
        ping: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        self.provider = provider
        self.false_alarms = 0  # how often a suspicion was taken back, since a probe was answered
        self._policy = policy
        self._now = now
        self._chance = chance
        self._changed = changed
        self._state = BreakerState.CLOSED
        self._why = "never failed"
        self._since = now()
        self._until = self._since
        self._generation = 0  # counts changes of state: a call that began in an earlier one has no say any more
        self._probing = False
        self._pauses = 0
        self._last_error: str | None = None
        self._probe = None if ping is None else LivenessProbe(provider, ping)
        self._probe_generation = 0  # term
        self._cut_short = 0  # in a row
        self._counters = BreakerCounters(policy, now)

    def admit(self, operation: OperationClass) -> Admission:
        """Let one call through, and learn from how the context ends.

        Raises:
            BreakerOpen: not now.
        """
        return Admission(self, operation)

    async def close(self) -> None:
        """Ask nothing any more."""
        if self._probe is not None:
            await self._probe.close()

    def begin(self) -> int:
        """Let one call through, and give the generation in which it began.

        Raises:
            BreakerOpen: not now.
        """
        self.check()
        self._probing = self._state is BreakerState.HALF_OPEN
        return self._generation

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
            calls=self._counters.all.calls,
            failures=self._counters.all.failures,
            failures_in_a_row=self._counters.all.failures_in_a_row,
        )

    def _wake(self) -> None:
        if self._state is BreakerState.OPEN and self._now() >= self._until:
            self._change(BreakerState.HALF_OPEN, "the pause is over, one call at a time may try")
            if self._probe is not None:
                self._probing = True
                self._start_probe(self._probe, "the pause was too short", first=True)

    def ended(self, generation: int, operation: OperationClass, error: BaseException | None) -> None:
        """Learn from how a call ended that began in this term."""
        if generation != self._generation:
            return
        if error is None:
            self._probing = False
            self._succeeded(operation)
        elif counts_as_failure(error):
            self._last_error = type(error).__name__
            self._failed(operation, timed_out=isinstance(error, TimedOut))
        elif isinstance(error, CutShort) and self._probe is not None:
            self._cut_short_again(self._probe)
        else:
            self._probing = False  # an outcome that says nothing gives the place to the next

    def _cut_short_again(self, probe: LivenessProbe) -> None:
        """Once it means nothing, but what hangs would never be found out by callers who all have little time."""
        self._cut_short += 1
        if self._state is BreakerState.HALF_OPEN or self._cut_short >= self._policy.in_a_row:
            self._start_probe(probe, f"{self._cut_short} calls in a row had no answer in their short time")

    def _succeeded(self, operation: OperationClass) -> None:
        self._cut_short = 0
        if self._state is BreakerState.HALF_OPEN:
            self._close("a probe succeeded")
            return
        self._counters.succeeded(operation)

    def _failed(self, operation: OperationClass, *, timed_out: bool) -> None:
        counter = self._counters.failed(operation, timed_out=timed_out)
        if self._state is BreakerState.HALF_OPEN:
            self._suspect(f"the probe failed: {self._last_error}", certain=not timed_out)
        elif self._state is BreakerState.CLOSED and (why := counter.trip_reason()):
            what = f"{operation.value}: {why}" if timed_out else why
            self._suspect(f"{what}, the last was {self._last_error}", certain=not timed_out and counter.rate_exceeded)

    def _suspect(self, why: str, *, certain: bool) -> None:
        """Open, at once or after asking."""
        if certain or self._probe is None:
            self._open(why)
        else:
            self._start_probe(self._probe, why)

    def _start_probe(self, probe: LivenessProbe, why: str, *, first: bool = False) -> None:
        """Ask, unless that is done already; `first` of a generation, a caller is still to confirm what is heard."""
        generation = self._generation

        def report(found_well: bool) -> None:  # noqa: FBT001 - the only thing there is to tell
            if generation != self._generation:
                return  # an operator, or a last resort, was faster
            if not found_well:
                self._open(f"{why}; it did not answer a probe either")
            elif first:
                self._probing = False
            elif self._state is BreakerState.HALF_OPEN:
                self._close("a probe succeeded")
            else:
                self._dismiss_suspicion()

        if not probe.under_way or self._probe_generation != generation:
            self._probe_generation = generation
            probe.start(report)

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

    def _dismiss_suspicion(self) -> None:
        """Take back the suspicion, but not what is known: who answers probes alone is left alone all the same."""
        self.false_alarms += 1
        self._cut_short = 0
        self._counters.dismiss_suspicion()

    def _forget(self) -> None:
        self._cut_short = 0
        self._counters.clear()

    def _change(self, state: BreakerState, why: str) -> None:
        self._state = state
        self._why = why
        self._since = self._now()
        self._generation += 1
        self._probing = False
        self._changed(self.snapshot())
