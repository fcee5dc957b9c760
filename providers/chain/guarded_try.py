"""One attempt of a call: it passes every guard of the provider, keeps its limits, and is reported to the observer."""

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from tenacity import RetryCallState

from observability import notes, tracing
from providers.chain.admission import Admission
from providers.chain.attempt_limits import AttemptLimits
from providers.chain.deadline import CallOptions
from providers.chain.errors import CutShort, NoTimeLeft, Refused
from providers.chain.guards import Guards
from providers.chain.hedging.pace import Pace
from providers.chain.latency_estimate import LatencyEstimates
from providers.chain.observer import Attempt, AttemptObserver
from providers.chain.policy import AttemptPolicy, OperationClass
from providers.errors import ProviderError, Rejected, TimedOut, Unavailable, Unreachable
from providers.timing import time_limit
from providers.timing.lag_tolerant import LagTolerantTimeout

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


class AttemptsOfCall(Protocol):
    """The call that an attempt is made for, and what is known of its attempts."""

    setup: AttemptSetup
    operation: OperationClass
    options: CallOptions
    size: int
    shard: int | None
    respects_breaker: bool
    timed_out: bool  # whether the last attempt did
    number: int  # of attempts begun

    def failed(self, error: Unavailable) -> None:
        """Record that an attempt has failed at the provider itself."""


class GuardedTry:
    """Surround one attempt with the guards and the time limits of its provider, and report its outcome.

    This is a plain class and no generator, and all of it is one context, because it stands in the path of every call:
    each further context costs microseconds.
    """

    __slots__ = ("_admission", "_begun", "_handed_down", "_limits", "_span", "_started", "_tries", "_watch")

    def __init__(self, tries: AttemptsOfCall) -> None:
        self._tries = tries
        self._admission: Admission | None = None

    async def __aenter__(self) -> None:
        tries = self._tries
        tries.number += 1
        self._span = span = tracing.span(tries.operation, tracing.Kind.CLIENT)
        if span is not tracing.NOTHING:
            span.__enter__()
        self._begun = tries.setup.now()
        try:
            left = await self._admit()
        except BaseException as error:
            self._report(error)
            raise
        self._watch = LagTolerantTimeout(self._limits.limit, tries.options.deadline.remaining, tries.setup.now)
        self._handed_down = time_limit.hand_down(left)
        self._started = time.perf_counter()
        self._watch.begin()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._leave(error)
        except BaseException as other:
            self._report(other)
            raise
        else:
            self._report(error)
        finally:
            error = None  # otherwise it and this frame would refer to each other

    async def _admit(self) -> float:
        """Pass every guard, and return the seconds that are left until the deadline."""
        tries, setup, options = self._tries, self._tries.setup, self._tries.options
        guards = setup.guards
        self._limits = setup.limits(tries.operation, tries.size, others=options.others)
        of_shard = guards.shards.of(tries.shard)
        if tries.respects_breaker:
            if guards.breaker.refuses():
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
        return left

    def _leave(self, error: BaseException | None) -> None:
        """Leave every guard, with what has become of the attempt.

        Raises:
            TimedOut, CutShort: the attempt was cut off.
        """
        guards = self._tries.setup.guards
        try:
            try:
                self._watch.finish(error)
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

    def _report(self, error: BaseException | None) -> None:
        """Report the outcome to the caller's notes, to the observer, and to the trace."""
        tries, setup, span = self._tries, self._tries.setup, self._span
        provider = setup.guards.breaker.provider
        failure: ProviderError | None = None
        outcome = "ok"
        if error is not None:
            outcome = "cancelled" if isinstance(error, asyncio.CancelledError) else "bug"
            if isinstance(error, ProviderError):
                outcome, failure = error.outcome, error
                self._note(error)
        note_outcome(provider, "ok" if isinstance(failure, Rejected) else outcome)
        setup.observer.tried(
            Attempt(
                provider=provider,
                operation=tries.operation,
                outcome=outcome,
                seconds=setup.now() - self._begun,
                number=tries.number,
                error=failure,
            )
        )
        if span is not tracing.NOTHING:
            if span.recorded:
                self._describe(outcome)
            span.__exit__(None if error is None else type(error), error, None)

    def _note(self, error: ProviderError) -> None:
        if isinstance(error, Rejected):
            self._span.answer()
        if isinstance(error, Unreachable):
            self._tries.setup.guards.last_resort.refused()
        if isinstance(error, Unavailable) and not isinstance(error, Refused):
            self._tries.failed(error)

    def _describe(self, outcome: str) -> None:
        tries, span = self._tries, self._span
        provider = tries.setup.guards.breaker.provider
        span.rename(f"{tries.operation.value} {provider}")
        span.set("ninai.provider", provider)
        span.set("ninai.outcome", outcome)
        span.set("ninai.try", tries.number)
        if tries.options.hedge:
            span.set("ninai.hedge", True)

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
