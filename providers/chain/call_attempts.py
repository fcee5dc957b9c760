"""The attempts of one call: how many there are, and which of their errors the caller gets."""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from msgspec import Struct
from tenacity import RetryCallState

from providers.chain.deadline import CallOptions
from providers.chain.errors import Refused
from providers.chain.guarded_try import AttemptSetup, GuardedTry
from providers.chain.observer import GivenUp
from providers.chain.policy import OperationClass
from providers.errors import Misconfigured, Rejected, Throttled, Unavailable

Answer = TypeVar("Answer")


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

    def next(self) -> GuardedTry:
        """Return what surrounds the next attempt."""
        return GuardedTry(self)

    def failed(self, error: Unavailable) -> None:
        """Record that an attempt has failed at the provider itself."""
        self._failure = error
        self._ambiguous = error if error.ambiguous else self._ambiguous

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
