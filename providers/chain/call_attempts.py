"""The attempts of one call: each passes every guard, keeps its limits, and is reported to the observer."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from typing import Generic, Protocol, TypeVar

from tenacity import RetryCallState

from observability import notes, tracing
from providers.chain.admission import Admission
from providers.chain.attempt_limits import AttemptLimits
from providers.chain.deadline import CallOptions
from providers.chain.errors import CutShort, NoTimeLeft, Refused
from providers.chain.guards import Guards
from providers.chain.jitter import FullJitter
from providers.chain.latency_estimate import LatencyEstimates
from providers.chain.observer import Attempt, AttemptObserver, GivenUp
from providers.chain.policy import AttemptPolicy, OperationClass
from providers.errors import Misconfigured, ProviderError, Rejected, Throttled, TimedOut, Unavailable, Unreachable
from providers.timing import time_limit
from providers.timing.lag_tolerant import LagTolerantTimeout

Answer = TypeVar("Answer")

_ROUNDING = 0.001  # seconds by which a timer may be early


class AttemptSetup(Protocol):
    """What the attempts of all calls to one provider share."""

    policy: AttemptPolicy
    guards: Guards
    latencies: LatencyEstimates
    observer: AttemptObserver
    wait: FullJitter
    now: Callable[[], float]

    def limits(self, operation: OperationClass, size: int = 1, *, others: bool = False) -> AttemptLimits:
        """Return how long to wait for one try, and from which wait on a missing answer counts as evidence."""
        ...


class CallAttempts(Generic[Answer]):
    """The attempts of one call."""

    def __init__(
        self,
        setup: AttemptSetup,
        call: Callable[[], Awaitable[Answer]],
        operation: OperationClass,
        options: CallOptions,
        size: int,
        *,
        repeatable: bool,
    ) -> None:
        self._setup = setup
        self._guards = setup.guards
        self._policy = setup.policy.of(operation)
        self._call = call
        self._operation = operation
        self._options = options
        self._deadline = options.deadline
        self._size = size
        self._repeatable = repeatable
        self._respects_breaker = True
        self._timed_out = False  # whether the last attempt did
        self._number = 0
        self._first_is_known = False
        self._failure: Unavailable | None = None  # the last one of the provider itself
        self._ambiguous: Unavailable | None = None  # the last after which the write may have happened

    @asynccontextmanager
    async def next(self) -> AsyncIterator[None]:
        """Surround one attempt with every guard and limit, and report its outcome to the observer."""
        self._number += 1
        outcome = "bug"
        failure: ProviderError | None = None
        with tracing.span(self._operation, tracing.Kind.CLIENT) as span:
            started = self._setup.now()
            try:
                async with self._guarded():
                    yield
                outcome = "ok"
            except ProviderError as error:
                outcome = error.outcome
                failure = error
                self._note(error, span)
                raise
            except asyncio.CancelledError:
                outcome = "cancelled"
                raise
            finally:
                if span.recorded:
                    self._describe(span, outcome)
                provider = self._guards.breaker.provider
                note_outcome(provider, "ok" if isinstance(failure, Rejected) else outcome)
                self._setup.observer.tried(
                    Attempt(
                        provider=provider,
                        operation=self._operation,
                        outcome=outcome,
                        seconds=self._setup.now() - started,
                        number=self._number,
                        error=failure,
                    )
                )
                failure = None  # otherwise the error and this frame would refer to each other

    def _note(self, error: ProviderError, span: tracing.Span) -> None:
        if isinstance(error, Rejected):
            span.answer()
        if isinstance(error, Unreachable):
            self._guards.last_resort.refused()
        if isinstance(error, Unavailable) and not isinstance(error, Refused):
            self._failure = error
            self._ambiguous = error if error.ambiguous else self._ambiguous

    def _describe(self, span: tracing.Span, outcome: str) -> None:
        provider = self._guards.breaker.provider
        span.rename(f"{self._operation.value} {provider}")
        span.set("ninai.provider", provider)
        span.set("ninai.outcome", outcome)
        span.set("ninai.try", self._number)

    async def last_resort(self) -> Answer:
        """Try once, whatever the breaker says, unless an operator has forced it open."""
        breaker = self._guards.breaker
        if breaker.forced_open:
            breaker.check()  # the state that an operator forced takes precedence
        async with self._guards.last_resort.slot(self._deadline):
            if breaker.refuses():
                self._respects_breaker = False
                try:
                    answer = await self._once()
                except Rejected:
                    breaker.recovered()
                    raise
                breaker.recovered()
                return answer
        return await self._once()  # another call has closed the breaker meanwhile

    async def again(self) -> Answer:
        """Repeat the failure of the first attempt, then try anew each time, since tenacity has to see that failure."""
        if self._failure is not None and not self._first_is_known:
            self._first_is_known = True
            raise self._failure
        return await self._once()

    async def _once(self) -> Answer:
        async with self.next():
            return await self._call()

    def can_retry(self, error: BaseException) -> bool:
        """Return whether another attempt may succeed and can do no harm."""
        return (
            isinstance(error, Unavailable)
            and not isinstance(error, (Misconfigured, Refused))
            and (self._repeatable or not error.ambiguous)
            and not (self._timed_out and self._policy.try_limit is None)
        )

    def wait(self, state: RetryCallState) -> float:
        """Return the seconds until the next attempt: full jitter, added to the time that the backend asked for."""
        asked = self._failure.retry_after if isinstance(self._failure, Throttled) else None
        return max(0.0, asked or 0.0) + self._setup.wait(state)

    def exhausted(self, state: RetryCallState) -> bool:
        """Return whether there will be no further attempt; otherwise take the next one from the retry budget."""
        reason = self._hindrance(state)
        if reason is None:
            return False
        self._setup.observer.gave_up(self._guards.breaker.provider, self._operation, reason)
        return True

    def error_to_raise(self, last: Unavailable) -> Unavailable:
        """Return the error to raise: a later refusal does not make an ambiguous write certain."""
        if self._ambiguous is not None and not last.ambiguous:
            return self._ambiguous
        if isinstance(last, Refused) and self._failure is not None:
            return self._failure
        return last

    def _hindrance(self, state: RetryCallState) -> GivenUp | None:
        if self._number >= self._policy.tries:
            return GivenUp.TRIES
        if state.upcoming_sleep >= self._deadline.remaining():
            return GivenUp.DEADLINE
        if self._guards.breaker.refuses():
            return GivenUp.BREAKER
        return None if self._guards.budget.take() else GivenUp.BUDGET

    @asynccontextmanager
    async def _guarded(self) -> AsyncIterator[None]:
        guards = self._guards
        limits = self._setup.limits(self._operation, self._size, others=self._options.others)
        if self._respects_breaker:
            guards.breaker.check()  # before waiting for a slot in vain
        async with guards.bulkhead.slot(self._deadline.limit_try(limits.limit)):
            if self._deadline.expired:
                raise NoTimeLeft(f"{guards.breaker.provider}: the deadline passed before it was asked")
            with Admission(guards.breaker, self._operation) if self._respects_breaker else nullcontext():
                if self._number == 1:
                    guards.budget.count_request()
                async with self._within(limits):
                    yield

    @asynccontextmanager
    async def _within(self, limits: AttemptLimits) -> AsyncIterator[None]:
        watch = LagTolerantTimeout(limits.limit, self._deadline.remaining, self._setup.now)
        handed_down = time_limit.hand_down(self._deadline.remaining())
        self._timed_out = False
        started = time.perf_counter()
        try:
            async with watch:
                yield
        except TimeoutError as error:
            if not watch.expired:
                raise  # not raised by this timeout: a bug in the provider
            self._timed_out = True
            waited = watch.seconds
            if waited + _ROUNDING >= limits.limit:  # and not the deadline
                self._setup.latencies.abandon(self._operation, self._size, waited)
            kind = TimedOut if waited + _ROUNDING >= limits.evidence else CutShort
            reason = f"{self._guards.breaker.provider}: no answer within {waited:.3g} s"
            raise kind(reason, ambiguous=self._operation.writes) from error
        finally:
            time_limit.ends_at.reset(handed_down)
            if (request := notes.current.get()) is not None:
                request.provider_seconds += time.perf_counter() - started
        self._setup.latencies.add(self._operation, self._size, watch.seconds)


def note_outcome(provider: str, outcome: str) -> None:
    """Note the outcome of a call to a provider for the request that is under way."""
    if (request := notes.current.get()) is not None:
        request.outcomes[provider] = outcome
