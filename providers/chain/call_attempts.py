"""The attempts of one call: each passes every guard, keeps its limits, and is reported to the observer."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from typing import Generic, Protocol, TypeVar

from msgspec import Struct
from tenacity import RetryCallState

from observability import notes, tracing
from providers.chain.admission import Admission
from providers.chain.attempt_limits import AttemptLimits
from providers.chain.deadline import CallOptions
from providers.chain.errors import CutShort, NoTimeLeft, Refused
from providers.chain.guards import Guards
from providers.chain.hedging.pace import Pace
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
    pace: Pace
    observer: AttemptObserver
    wait: Callable[[RetryCallState], float]
    now: Callable[[], float]

    def limits(self, operation: OperationClass, size: int = 1, *, others: bool = False) -> AttemptLimits:
        """Return how long to wait for one try, and from which wait on a missing answer counts as evidence."""
        ...


class CallAttempts(Struct, Generic[Answer]):
    """The attempts of one call."""

    setup: AttemptSetup
    call: Callable[[], Awaitable[Answer]]
    operation: OperationClass
    options: CallOptions
    size: int
    repeatable: bool
    shard: int | None = None
    _respects_breaker: bool = True
    _timed_out: bool = False  # whether the last attempt did
    _number: int = 0
    _first_is_known: bool = False
    _failure: Unavailable | None = None  # the last one of the provider itself
    _ambiguous: Unavailable | None = None  # the last after which the write may have happened

    @asynccontextmanager
    async def next(self) -> AsyncIterator[None]:
        """Surround one attempt with every guard and limit, and report its outcome to the observer."""
        self._number += 1
        outcome = "bug"
        failure: ProviderError | None = None
        with tracing.span(self.operation, tracing.Kind.CLIENT) as span:
            started = self.setup.now()
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
                provider = self.setup.guards.breaker.provider
                note_outcome(provider, "ok" if isinstance(failure, Rejected) else outcome)
                self.setup.observer.tried(
                    Attempt(
                        provider=provider,
                        operation=self.operation,
                        outcome=outcome,
                        seconds=self.setup.now() - started,
                        number=self._number,
                        error=failure,
                    )
                )
                failure = None  # otherwise the error and this frame would refer to each other

    def _note(self, error: ProviderError, span: tracing.Span) -> None:
        if isinstance(error, Rejected):
            span.answer()
        if isinstance(error, Unreachable):
            self.setup.guards.last_resort.refused()
        if isinstance(error, Unavailable) and not isinstance(error, Refused):
            self._failure = error
            self._ambiguous = error if error.ambiguous else self._ambiguous

    def _describe(self, span: tracing.Span, outcome: str) -> None:
        provider = self.setup.guards.breaker.provider
        span.rename(f"{self.operation.value} {provider}")
        span.set("ninai.provider", provider)
        span.set("ninai.outcome", outcome)
        span.set("ninai.try", self._number)
        if self.options.hedge:
            span.set("ninai.hedge", True)

    async def last_resort(self) -> Answer:
        """Try once, whatever the breaker says, unless an operator has forced it open."""
        if self.setup.guards.breaker.forced_open:
            self.setup.guards.breaker.check()  # the state that an operator forced takes precedence
        async with self.setup.guards.last_resort.slot(self.options.deadline):
            if self._refused():
                self._respects_breaker = False
                try:
                    answer = await self._once()
                except Rejected:
                    self._recovered()
                    raise
                self._recovered()
                return answer
        return await self._once()  # another call has closed the breaker meanwhile

    def _refused(self) -> bool:
        guards = self.setup.guards
        of_shard = guards.shards.of(self.shard)
        return guards.breaker.refuses() or (of_shard is not None and of_shard.refuses())

    def _recovered(self) -> None:
        guards = self.setup.guards
        guards.breaker.recovered()
        if (of_shard := guards.shards.of(self.shard)) is not None:
            of_shard.recovered()

    async def again(self) -> Answer:
        """Repeat the failure of the first attempt, then try anew each time, since tenacity has to see that failure."""
        if self._failure is not None and not self._first_is_known:
            self._first_is_known = True
            raise self._failure
        return await self._once()

    async def _once(self) -> Answer:
        async with self.next():
            return await self.call()

    def can_retry(self, error: BaseException) -> bool:
        """Return whether another attempt may succeed and can do no harm."""
        return (
            isinstance(error, Unavailable)
            and not isinstance(error, (Misconfigured, Refused))
            and (self.repeatable or not error.ambiguous)
            and not (self._timed_out and self.setup.policy.of(self.operation).try_limit is None)
        )

    def wait(self, state: RetryCallState) -> float:
        """Return the seconds until the next attempt: full jitter, added to the time that the backend asked for."""
        asked = self._failure.retry_after if isinstance(self._failure, Throttled) else None
        return max(0.0, asked or 0.0) + self.setup.wait(state)

    def exhausted(self, state: RetryCallState) -> bool:
        """Return whether there will be no further attempt; otherwise take the next one from the retry budget."""
        reason = self._hindrance(state)
        if reason is None:
            return False
        self.setup.observer.gave_up(self.setup.guards.breaker.provider, self.operation, reason)
        return True

    def error_to_raise(self, last: Unavailable) -> Unavailable:
        """Return the error to raise: a later refusal does not make an ambiguous write certain."""
        if self._ambiguous is not None and not last.ambiguous:
            return self._ambiguous
        if isinstance(last, Refused) and self._failure is not None:
            return self._failure
        return last

    def _hindrance(self, state: RetryCallState) -> GivenUp | None:
        if self._number >= self.setup.policy.of(self.operation).tries:
            return GivenUp.TRIES
        if state.upcoming_sleep >= self.options.deadline.remaining():
            return GivenUp.DEADLINE
        if self._refused():
            return GivenUp.BREAKER
        return None if self.setup.guards.budget.take() else GivenUp.BUDGET

    @asynccontextmanager
    async def _guarded(self) -> AsyncIterator[None]:
        guards = self.setup.guards
        limits = self.setup.limits(self.operation, self.size, others=self.options.others)
        of_shard = guards.shards.of(self.shard)
        if self._respects_breaker:
            guards.breaker.check()  # before waiting for a slot in vain
            if of_shard is not None:
                of_shard.check()
        admission = Admission(guards.breaker, self.operation, self.shard is not None, of_shard)
        async with guards.bulkhead.slot(self.options.deadline.limit_try(min(limits.limit, self.options.place))):
            if self.options.deadline.expired:
                raise NoTimeLeft(f"{guards.breaker.provider}: the deadline passed before it was asked")
            with admission if self._respects_breaker else nullcontext():
                if self._number == 1:
                    guards.budget.count_request()
                async with self._within(limits):
                    yield

    @asynccontextmanager
    async def _within(self, limits: AttemptLimits) -> AsyncIterator[None]:
        watch = LagTolerantTimeout(limits.limit, self.options.deadline.remaining, self.setup.now)
        handed_down = time_limit.hand_down(self.options.deadline.remaining())
        self._timed_out = False
        started = time.perf_counter()
        try:
            async with watch:
                yield
        except Rejected:
            self.setup.pace.answered(self.operation, self.size, watch.seconds)
            raise
        except asyncio.CancelledError:
            # A hedge that lost may have been as quick as ever.
            if not self.options.hedge and self.setup.pace.unanswered(self.operation, self.size, watch.seconds):
                self.setup.guards.breaker.overtaken()
            raise
        except TimeoutError as error:
            if not watch.expired:
                raise  # not raised by this timeout: a bug in the provider
            self._timed_out = True
            waited = watch.seconds
            self.setup.pace.unanswered(self.operation, self.size, waited)
            if waited + _ROUNDING >= limits.limit:  # and not the deadline
                self.setup.latencies.abandon(self.operation, self.size, waited)
            kind = TimedOut if waited + _ROUNDING >= limits.evidence else CutShort
            reason = f"{self.setup.guards.breaker.provider}: no answer within {waited:.3g} s"
            raise kind(reason, ambiguous=self.operation.writes) from error
        finally:
            time_limit.ends_at.reset(handed_down)
            # A hedge runs while the call that it hedges is waited for, whose seconds are noted already.
            if (request := notes.current.get()) is not None and not self.options.hedge:
                request.provider_seconds += time.perf_counter() - started
        self.setup.latencies.add(self.operation, self.size, watch.seconds)
        self.setup.pace.answered(self.operation, self.size, watch.seconds)


def note_outcome(provider: str, outcome: str) -> None:
    """Note the outcome of a call to a provider for the request that is under way."""
    if (request := notes.current.get()) is not None:
        request.outcomes[provider] = outcome
