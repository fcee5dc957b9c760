"""A circuit breaker: stop calling a provider that keeps failing, then test it with one call at a time."""

import random
import time
from collections.abc import Awaitable, Callable

from providers.chain.breaker_state import BreakerSnapshot, BreakerState
from providers.chain.errors import BreakerOpen, CutShort, counts_as_failure
from providers.chain.failure_counter import BreakerCounters
from providers.chain.policy import BreakerPolicy, OperationClass
from providers.chain.probe import LivenessProbe
from providers.errors import TimedOut

_MOST_REASON_CHARS = 300
_MOST_DOUBLINGS = 20  # far beyond every longest pause, and still no overflow
_FORCED = frozenset({BreakerState.FORCED_OPEN, BreakerState.FORCED_CLOSED})
_REFUSING = frozenset({BreakerState.OPEN, BreakerState.FORCED_OPEN})
_ADMITTING = frozenset({BreakerState.CLOSED, BreakerState.HALF_OPEN})
_ILL = frozenset({BreakerState.OPEN, BreakerState.HALF_OPEN})


def _ignore(snapshot: BreakerSnapshot) -> None:
    """Ignore a change of state."""


class CircuitBreaker:
    """Admit or refuse the calls to one provider; one per process, used from one event loop.

    It judges the provider, not the expensive request of one caller. Timeouts are therefore counted by class of
    operations, and before timeouts or a streak of failures open the breaker for all classes, `ping` tests whether the
    provider answers at all. The same test is made after many calls in a row whose time was too short to be evidence,
    and at the end of each pause, before a caller is admitted. Without `ping` the failures alone decide. A failure of
    one shard of the provider is no evidence against the others: it opens the breaker only if `ping` fails as well.

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
        self.false_alarms = 0  # suspicions that a successful probe refuted
        self._policy = policy
        self._now = now
        self._chance = chance
        self._changed = changed
        self._state = BreakerState.CLOSED
        self._why = "never failed"
        self._since = now()
        self._until = self._since
        self._generation = 0  # counts changes of state; a call of an earlier one no longer counts
        self._probing = False
        self._pauses = 0
        self._last_error: str | None = None
        self._last_reason: str | None = None
        self._last_failure = self._since
        self._probe = None if ping is None else LivenessProbe(provider, ping)
        self._probe_generation = 0  # the generation in which the last probe began
        self._cut_short = 0  # in a row
        self._counters = BreakerCounters(policy, now)

    async def close(self) -> None:
        """Stop probing."""
        if self._probe is not None:
            await self._probe.close()

    def begin(self) -> int:
        """Admit one call, and return the generation in which it began; raise as `check` does."""
        if self._state is not BreakerState.CLOSED:
            self.check()
        self._probing = self._state is BreakerState.HALF_OPEN
        return self._generation

    def check(self) -> None:
        """Raise the refusal that a call would meet now; return if the call would be admitted.

        Raises:
            BreakerOpen: the breaker refuses calls now.
        """
        if self.refuses():
            left = max(0.0, self._until - self._now()) if self._state is BreakerState.OPEN else None
            raise BreakerOpen(f"{self.provider} is left alone: {self._why}", retry_after=left)

    def refuses(self) -> bool:
        """Return whether a call would be refused now."""
        if self._state is BreakerState.CLOSED:
            return False  # nearly always, and no pause can have ended
        self._wake()
        return self._state in _REFUSING or self._probing

    def force_open(self, reason: str) -> None:
        """Refuse all calls until an operator releases the breaker."""
        self._change(BreakerState.FORCED_OPEN, reason)

    def force_closed(self, reason: str) -> None:
        """Admit all calls until an operator releases the breaker, whatever fails."""
        self._change(BreakerState.FORCED_CLOSED, reason)

    def release(self) -> None:
        """Return to automatic operation with empty counters; do nothing if no operator has forced a state."""
        if self._state in _FORCED:
            self._close("released by an operator")

    def follow(self, former: "CircuitBreaker") -> None:
        """Inherit a state that an operator forced on the former breaker: it concerns the provider, not its settings."""
        before = former.snapshot()
        if before.state in _FORCED:
            self._change(before.state, before.why)

    @property
    def forced_open(self) -> bool:
        """Whether an operator has forced the breaker open."""
        return self._state is BreakerState.FORCED_OPEN

    @property
    def on_probation(self) -> bool:
        """Whether the pause is over, so that the next call decides whether the breaker closes."""
        return self._state in _ILL and self._now() >= self._until

    def recovered(self) -> None:
        """Close the breaker after a call succeeded that was made as a last resort."""
        if self._state in _ILL:
            self._close("a last resort succeeded")

    def snapshot(self) -> BreakerSnapshot:
        """Return the state of the breaker as operators see it."""
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
            last_reason=self._last_reason,
            last_error_seconds=None if self._last_error is None else now - self._last_failure,
        )

    def _wake(self) -> None:
        if self._state is BreakerState.OPEN and self._now() >= self._until:
            self._change(BreakerState.HALF_OPEN, "the pause is over, one call at a time may try")
            if self._probe is not None:
                self._probing = True
                self._start_probe(self._probe, "the pause was too short", first=True)

    def ended(
        self, generation: int, operation: OperationClass, error: BaseException | None, *, of_shard: bool = False
    ) -> None:
        """Record the outcome of a call that began in this generation; the outcome of an older generation is ignored.

        A failure `of_shard` may be that of a part of the provider alone.
        """
        if generation != self._generation:
            return
        if error is None:
            self._probing = False
            self._succeeded(operation)
        elif counts_as_failure(error):
            self._last_error = type(error).__name__
            self._last_reason = str(error)[:_MOST_REASON_CHARS]
            self._last_failure = self._now()
            self._failed(operation, timed_out=isinstance(error, TimedOut), of_shard=of_shard)
        elif isinstance(error, CutShort) and self._probe is not None:
            self._cut_short_again(self._probe)
        else:
            self._probing = False  # the outcome is no evidence, so the next call may be the probe

    def overtaken(self) -> None:
        """Record a call that was given up since another provider was quicker: its short time is no evidence either."""
        if self._probe is not None and self._state in _ADMITTING:
            self._cut_short_again(self._probe)

    def _cut_short_again(self, probe: LivenessProbe) -> None:
        """Count a call that had too little time, and probe after several in a row: no such call detects a hang."""
        self._cut_short += 1
        if self._state is BreakerState.HALF_OPEN or self._cut_short >= self._policy.in_a_row:
            self._start_probe(probe, f"{self._cut_short} calls in a row had no answer in their short time")

    def _succeeded(self, operation: OperationClass) -> None:
        self._cut_short = 0
        if self._state is BreakerState.HALF_OPEN:
            self._close("a probe succeeded")
            return
        self._counters.succeeded(operation)

    def _failed(self, operation: OperationClass, *, timed_out: bool, of_shard: bool) -> None:
        counter = self._counters.failed(operation, timed_out=timed_out)
        if of_shard:
            if self._state is BreakerState.HALF_OPEN or counter.trip_reason():
                self._suspect_whole(f"calls to its shards fail, the last was {self._last_error}")
        elif self._state is BreakerState.HALF_OPEN:
            self._suspect(f"the probe failed: {self._last_error}", certain=not timed_out)
        elif self._state is BreakerState.CLOSED and (why := counter.trip_reason()):
            what = f"{operation.value}: {why}" if timed_out else why
            self._suspect(f"{what}, the last was {self._last_error}", certain=not timed_out and counter.rate_exceeded)

    def _suspect(self, why: str, *, certain: bool) -> None:
        """Open the breaker, at once if the failures are certain evidence, otherwise if a probe fails as well."""
        if certain or self._probe is None:
            self._open(why)
        else:
            self._start_probe(self._probe, why)

    def _suspect_whole(self, why: str) -> None:
        """Open the breaker if a probe fails; what else fails is left to the breakers of the shards."""
        if self._probe is not None:
            self._start_probe(self._probe, why, of_shard=True)
        else:
            self._probing = False

    def _start_probe(self, probe: LivenessProbe, why: str, *, first: bool = False, of_shard: bool = False) -> None:
        """Start a probe unless one runs; after the `first` of a generation a caller still has to confirm the result."""
        generation = self._generation

        def report(found_well: bool) -> None:  # noqa: FBT001 - the result of a probe is one truth value
            if generation != self._generation:
                return  # an operator or a last resort has changed the state meanwhile
            if not found_well:
                self._open(f"{why}; it did not answer a probe either")
            elif first:
                self._probing = False
            elif self._state is BreakerState.HALF_OPEN:
                self._close("a probe succeeded")
            elif of_shard:
                self._counters.clear()
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
        self._cut_short = 0
        self._counters.clear()
        self._change(BreakerState.CLOSED, why)

    def _dismiss_suspicion(self) -> None:
        """Dismiss a suspicion that a probe refuted, but keep the failure rate: a probe says little about real calls."""
        self.false_alarms += 1
        self._cut_short = 0
        self._counters.dismiss_suspicion()

    def _change(self, state: BreakerState, why: str) -> None:
        self._state = state
        self._why = why
        self._since = self._now()
        self._generation += 1
        self._probing = False
        self._changed(self.snapshot())
