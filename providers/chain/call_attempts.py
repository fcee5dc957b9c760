"""The attempts of one call: each passes every guard, keeps its limits, and is reported to the observer."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar

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
    respects_breaker: bool = True
    timed_out: bool = False  # whether the last attempt did
    number: int = 0  # of attempts begun
    _first_is_known: bool = False
    _failure: Unavailable | None = None  # the last one of the provider itself
    _ambiguous: Unavailable | None = None  # the last after which the write may have happened

    @asynccontextmanager
    async def next(self) -> AsyncIterator[None]:
        """Surround one attempt with every guard and limit, and report its outcome to the observer."""
        self.number += 1
        setup = self.setup
        provider = setup.guards.breaker.provider
        outcome = "bug"
        failure: ProviderError | None = None
        with tracing.span(self.operation, tracing.Kind.CLIENT) as span:
            started = setup.now()
            try:
                async with _Guarded(self):
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
                note_outcome(provider, "ok" if isinstance(failure, Rejected) else outcome)
                setup.observer.tried(
                    Attempt(
                        provider=provider,
                        operation=self.operation,
                        outcome=outcome,
                        seconds=setup.now() - started,
                        number=self.number,
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
        span.set("ninai.try", self.number)
        if self.options.hedge:
            span.set("ninai.hedge", True)

    async def last_resort(self) -> Answer:
        """Try once, whatever the breaker says, unless an operator has forced it open."""
        if self.setup.guards.breaker.forced_open:
            self.setup.guards.breaker.check()  # the state that an operator forced takes precedence
        async with self.setup.guards.last_resort.slot(self.options.deadline):
            if self._refused():
                self.respects_breaker = False
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
            and not (self.timed_out and self.setup.policy.of(self.operation).try_limit is None)
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
        if self.number >= self.setup.policy.of(self.operation).tries:
            return GivenUp.TRIES
        if state.upcoming_sleep >= self.options.deadline.remaining():
            return GivenUp.DEADLINE
        if self._refused():
            return GivenUp.BREAKER
        return None if self.setup.guards.budget.take() else GivenUp.BUDGET


class _Guarded:
    """Surround one attempt with the guards and the time limits of its provider.

    This is a plain class and no generator, because it stands in the path of every call.
    """

    __slots__ = ("_admission", "_handed_down", "_limits", "_started", "_tries", "_watch")

    def __init__(self, tries: CallAttempts[Any]) -> None:
        self._tries = tries
        self._admission: Admission | None = None

    async def __aenter__(self) -> None:
        tries, setup, options = self._tries, self._tries.setup, self._tries.options
        guards = setup.guards
        self._limits = setup.limits(tries.operation, tries.size, others=options.others)
        of_shard = guards.shards.of(tries.shard)
        if tries.respects_breaker:
            guards.breaker.check()  # before waiting for a slot in vain
            if of_shard is not None:
                of_shard.check()
        if not guards.bulkhead.enter_now():
            await guards.bulkhead.enter(options.deadline.limit_try(min(self._limits.limit, options.place)))
        try:
            left = options.deadline.remaining()
            if left <= 0.0:
                raise NoTimeLeft(f"{guards.breaker.provider}: the deadline passed before it was asked")
            if tries.respects_breaker:
                self._admission = Admission(guards.breaker, tries.operation, tries.shard is not None, of_shard)
                self._admission.__enter__()
        except ProviderError:
            guards.bulkhead.leave()
            raise
        if tries.number == 1:
            guards.budget.count_request()
        tries.timed_out = False
        self._watch = LagTolerantTimeout(self._limits.limit, options.deadline.remaining, setup.now)
        self._handed_down = time_limit.hand_down(left)
        self._started = time.perf_counter()
        await self._watch.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        guards = self._tries.setup.guards
        try:
            try:
                await self._watch.__aexit__(kind, error, traceback)
                if isinstance(error, TimeoutError) and self._watch.expired:
                    raise error  # a limit within the provider has ended at the same moment
            except TimeoutError as late:
                error = self._timed_out()
                raise error from late
            finally:
                self._note_seconds()
            self._learn(error)
        finally:
            if self._admission is not None:
                self._admission.__exit__(None, error, None)
            guards.bulkhead.leave()
            error = None  # otherwise it and this frame would refer to each other

    def _note_seconds(self) -> None:
        time_limit.ends_at.reset(self._handed_down)
        # A hedge runs while the call that it hedges is waited for, whose seconds are noted already.
        if (request := notes.current.get()) is not None and not self._tries.options.hedge:
            request.provider_seconds += time.perf_counter() - self._started

    def _learn(self, error: BaseException | None) -> None:
        """Learn from an attempt that was not cut off how long the provider takes."""
        tries, setup, seconds = self._tries, self._tries.setup, self._watch.seconds
        if error is None:
            setup.latencies.add(tries.operation, tries.size, seconds)
            setup.pace.answered(tries.operation, tries.size, seconds)
        elif isinstance(error, Rejected):
            setup.pace.answered(tries.operation, tries.size, seconds)
        elif (
            isinstance(error, asyncio.CancelledError)
            and not tries.options.hedge  # one that lost may have been as quick as ever
            and setup.pace.unanswered(tries.operation, tries.size, seconds)
        ):
            setup.guards.breaker.overtaken()

    def _timed_out(self) -> Unavailable:
        """Return the error of an attempt that was cut off."""
        tries, setup, waited = self._tries, self._tries.setup, self._watch.seconds
        tries.timed_out = True
        setup.pace.unanswered(tries.operation, tries.size, waited)
        if waited + _ROUNDING >= self._limits.limit:  # and not the deadline
            setup.latencies.abandon(tries.operation, tries.size, waited)
        kind = TimedOut if waited + _ROUNDING >= self._limits.evidence else CutShort
        reason = f"{setup.guards.breaker.provider}: no answer within {waited:.3g} s"
        return kind(reason, ambiguous=tries.operation.writes)


def note_outcome(provider: str, outcome: str) -> None:
    """Note the outcome of a call to a provider for the request that is under way."""
    if (request := notes.current.get()) is not None:
        request.outcomes[provider] = outcome
