"""One call against one provider, tried again as often as it helps and the time allows."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import Generic, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from observability import tracing
from providers.chain.errors import CutShort, NoTimeLeft, Refused
from providers.chain.guards import Guards
from providers.chain.jitter import FullJitter
from providers.chain.observer import Attempt, AttemptObserver, GivenUp, Unobserved
from providers.chain.policy import LONGEST_REQUEST, AttemptPolicy, OperationClass, ProviderLimits
from providers.chain.try_limits import TryLimits, configured_limits, found_limits
from providers.chain.turn import Turn
from providers.chain.usual import Usual
from providers.errors import Misconfigured, ProviderError, Rejected, Throttled, TimedOut, Unavailable, Unreachable
from providers.timing import time_limit
from providers.timing.watch import Watch

Answer = TypeVar("Answer")

_ROUNDING = 0.001  # seconds by which a timer may be early


class Attempts:
    """Ask one provider under its breaker, bulkhead, retry budget and limits; nothing else in the project retries.

    `longest` is seconds that no request lasts longer than; `sleep` takes seconds, `chance` draws from [0, 1).
    """

    def __init__(
        self,
        policy: AttemptPolicy,
        guards: Guards,
        observer: AttemptObserver | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
        now: Callable[[], float] = time.monotonic,
        *,
        usual: float = ProviderLimits().usual,
        longest: float = LONGEST_REQUEST,
    ) -> None:
        self.policy = policy
        self.guards = guards
        self.usual = Usual(usual)
        self.observer = observer or Unobserved()
        self.sleep = sleep
        self.now = now
        self.wait = FullJitter(policy.first_wait, policy.longest_wait, chance)
        self.longest = longest
        self._forgiven = guards.breaker.forgiven

    def seconds(self, operation: OperationClass, size: int = 1) -> float:
        """Return the deadline of a call about so many memories, in seconds from its beginning."""
        return self.policy.of(operation).seconds(size, self.longest)

    def limits(self, operation: OperationClass, size: int = 1, *, others: bool = False) -> TryLimits:
        """Return how long one try is waited for, and from when on having waited in vain means something.

        `others` can be asked when this provider gives no answer for long.
        """
        configured = self.policy.of(operation).limit(size)
        if configured is not None:
            return configured_limits(configured, self.seconds(operation, size))
        breaker = self.guards.breaker
        if breaker.forgiven != self._forgiven:
            self._forgiven = breaker.forgiven
            self.usual.was_slow()
        return found_limits(self.usual, operation, size, others=others, on_probation=breaker.on_probation)

    async def run(
        self,
        call: Callable[[], Awaitable[Answer]],
        operation: OperationClass,
        turn: Turn,
        *,
        repeatable: bool = True,
        size: int = 1,
    ) -> Answer:
        """Make the call, and make it again while it fails in a way that another try may mend.

        A write that is not `repeatable` at this provider is tried again only if it surely did not happen; a try without
        an answer only where its limit is configured, since otherwise the next one could not be quicker. If no try
        succeeds, the last error is raised; but if any of them may have happened, the error says so. `size` is how many
        memories the call is about. As a last resort it is tried once, whatever the breaker says, which learns of a
        success alone.

        Raises:
            BreakerOpen: the provider is left alone for now.
            BulkheadFull: it has as many calls as it may, and no place became free in time.
            NoTimeLeft: the deadline passed before it could be asked.
        """
        tries = _Tries(self, call, operation, turn, size, repeatable=repeatable)
        if turn.last_resort:
            return await tries.only()
        try:
            # Nearly every call ends here. Tenacity, at some 50 us a call, would cost more than all else in this file.
            return await tries.next()
        except Unavailable as error:
            if not tries.worth_another(error):
                raise
        # A new one for every call: callbacks that wait would mix up the calls that share one.
        retrying = AsyncRetrying(
            sleep=self.sleep,
            wait=tries.wait,
            stop=tries.exhausted,
            retry=retry_if_exception(tries.worth_another),
            reraise=True,
        )
        try:
            answer: Answer = await retrying(tries.next_but_first)
        except Unavailable as error:
            telling = tries.most_telling(error)
            if telling is error:
                raise
            raise telling from error
        return answer


class _Tries(Generic[Answer]):
    """The tries of one call."""

    def __init__(
        self,
        attempts: Attempts,
        call: Callable[[], Awaitable[Answer]],
        operation: OperationClass,
        turn: Turn,
        size: int,
        *,
        repeatable: bool,
    ) -> None:
        self._attempts = attempts
        self._guards = attempts.guards
        self._policy = attempts.policy.of(operation)
        self._call = call
        self._operation = operation
        self._turn = turn
        self._deadline = turn.deadline
        self._size = size
        self._repeatable = repeatable
        self._heeds_breaker = True
        self._ran_out = False  # the last try, of its time
        self._number = 0
        self._first_is_known = False
        self._failure: Unavailable | None = None  # the provider's last
        self._unsure: Unavailable | None = None  # the last after which the write may have happened

    async def next(self) -> Answer:
        """Try once, and tell the observer how it went."""
        self._number += 1
        outcome = "bug"
        failure: ProviderError | None = None
        with tracing.span(self._operation, tracing.Kind.CLIENT) as span:
            started = self._attempts.now()
            try:
                answer = await self._try()
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
                self._attempts.observer.tried(
                    Attempt(
                        provider=self._guards.breaker.provider,
                        operation=self._operation,
                        outcome=outcome,
                        seconds=self._attempts.now() - started,
                        number=self._number,
                        error=failure,
                    )
                )
                failure = None  # it refers to this frame, which would refer to it
        return answer

    def _note(self, error: ProviderError, span: tracing.Span) -> None:
        if isinstance(error, Rejected):
            span.answer()
        if isinstance(error, Unreachable):
            self._guards.trickle.refused()
        if isinstance(error, Unavailable) and not isinstance(error, Refused):
            self._failure = error
            self._unsure = error if error.ambiguous else self._unsure

    def _describe(self, span: tracing.Span, outcome: str) -> None:
        provider = self._guards.breaker.provider
        span.rename(f"{self._operation.value} {provider}")
        span.set("ninai.provider", provider)
        span.set("ninai.outcome", outcome)
        span.set("ninai.try", self._number)

    async def only(self) -> Answer:
        """Try once, whatever the breaker says."""
        breaker = self._guards.breaker
        if breaker.forced_open:
            breaker.check()  # an operator's word stands
        async with self._guards.trickle.place(self._deadline):
            if breaker.refuses():
                self._heeds_breaker = False
                try:
                    answer = await self.next()
                except Rejected:
                    breaker.recovered()
                    raise
                breaker.recovered()
                return answer
        return await self.next()  # somebody has found it well meanwhile

    async def next_but_first(self) -> Answer:
        """Fail as the first try did, then try anew each time: tenacity decides about the first failure as well."""
        if self._failure is not None and not self._first_is_known:
            self._first_is_known = True
            raise self._failure
        return await self.next()

    def worth_another(self, error: BaseException) -> bool:
        """Whether another try may mend this error and can do no harm."""
        return (
            isinstance(error, Unavailable)
            and not isinstance(error, (Misconfigured, Refused))
            and (self._repeatable or not error.ambiguous)
            and not (self._ran_out and self._policy.try_limit is None)
        )

    def wait(self, state: RetryCallState) -> float:
        """Seconds until the next try: full jitter, after the time that the backend asked for."""
        asked = self._failure.retry_after if isinstance(self._failure, Throttled) else None
        return max(0.0, asked or 0.0) + self._attempts.wait(state)

    def exhausted(self, state: RetryCallState) -> bool:
        """Whether there will be no further try; if there will be, it is taken from the budget."""
        reason = self._hindrance(state)
        if reason is None:
            return False
        self._attempts.observer.gave_up(self._guards.breaker.provider, self._operation, reason)
        return True

    def most_telling(self, last: Unavailable) -> Unavailable:
        """Choose what to raise: a write that may have happened is not unsaid by a later refusal."""
        if self._unsure is not None and not last.ambiguous:
            return self._unsure
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

    async def _try(self) -> Answer:
        guards = self._guards
        limits = self._attempts.limits(self._operation, self._size, others=self._turn.others)
        if self._heeds_breaker:
            guards.breaker.check()  # before waiting for a place that would be of no use
        async with guards.bulkhead.place(self._deadline.limit_try(limits.limit)):
            if self._deadline.expired:
                raise NoTimeLeft(f"{guards.breaker.provider}: the deadline passed before it was asked")
            with guards.breaker.admit(self._operation) if self._heeds_breaker else nullcontext():
                if self._number == 1:
                    guards.budget.count_request()
                return await self._within(limits)

    async def _within(self, limits: TryLimits) -> Answer:
        watch = Watch(limits.limit, self._deadline.remaining, self._attempts.now)
        handed_down = time_limit.hand_down(self._deadline.remaining())
        self._ran_out = False
        try:
            async with watch:
                answer = await self._call()
        except TimeoutError as error:
            if not watch.expired:
                raise  # not ours: a bug in the provider
            self._ran_out = True
            waited = watch.seconds
            if waited + _ROUNDING >= limits.limit:  # and not the deadline's end
                self._attempts.usual.give_up(self._operation, self._size, waited)
            kind = TimedOut if waited + _ROUNDING >= limits.evidence else CutShort
            reason = f"{self._guards.breaker.provider}: no answer within {waited:.3g} s"
            raise kind(reason, ambiguous=self._operation.writes) from error
        finally:
            time_limit.ends_at.reset(handed_down)
        self._attempts.usual.add(self._operation, self._size, watch.seconds)
        return answer
