"""Attempts at one provider: each call is retried as often as this can help and the deadline allows."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_exponential

from providers.chain.attempt_limits import AttemptLimits, configured_limits, learned_limits
from providers.chain.call_attempts import CallAttempts
from providers.chain.deadline import CallOptions
from providers.chain.guarded_try import note_outcome
from providers.chain.guards import Guards
from providers.chain.hedging.pace import Pace
from providers.chain.latency_estimate import LatencyEstimates
from providers.chain.observer import AttemptObserver, Unobserved
from providers.chain.policy import LONGEST_REQUEST, AttemptPolicy, OperationClass
from providers.errors import Unavailable

Answer = TypeVar("Answer")


class FullJitter(wait_exponential):
    """A wait drawn from [0, min(longest, first * 2^(n-1))] seconds before the n-th retry.

    It is tenacity's `wait_random_exponential` with the source of randomness as an argument.
    """

    def __init__(self, first: float, longest: float, chance: Callable[[], float]) -> None:
        super().__init__(multiplier=first, max=longest)
        self._chance = chance

    def __call__(self, retry_state: RetryCallState) -> float:
        """Draw a wait."""
        return self._chance() * super().__call__(retry_state)


class Attempts:
    """Call one provider within its breaker, bulkhead, retry budget and limits; nothing else in the project retries.

    No request lasts longer than `longest` seconds; `sleep` takes seconds, `chance` draws from [0, 1). The `pace` learns
    how long calls take, and says what is expected until some have been measured.
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
        pace: Pace | None = None,
        longest: float = LONGEST_REQUEST,
    ) -> None:
        self.policy = policy
        self.guards = guards
        self.pace = pace or Pace(now=now)
        self.latencies = LatencyEstimates(self.pace.expected)
        self.observer = observer or Unobserved()
        self.sleep = sleep
        self.now = now
        self.wait: Callable[[RetryCallState], float] = FullJitter(policy.first_wait, policy.longest_wait, chance)
        self.longest = longest
        self._false_alarms = guards.breaker.false_alarms

    def seconds(self, operation: OperationClass, size: int = 1) -> float:
        """Return the deadline of a call that concerns `size` memories, in seconds from its beginning."""
        return self.policy.of(operation).seconds(size, self.longest)

    def limits(self, operation: OperationClass, size: int = 1, *, others: bool = False) -> AttemptLimits:
        """Return how long to wait for one try, and from which wait on a missing answer counts as evidence.

        `others` is true where another provider can be asked if this one does not answer soon.
        """
        policy = self.policy.of(operation)
        configured = policy.limit(size)
        if configured is not None:
            return configured_limits(configured, policy.seconds(size, self.longest))
        breaker = self.guards.breaker
        if breaker.false_alarms != self._false_alarms:
            self._false_alarms = breaker.false_alarms
            self.latencies.count_abandoned()
        return learned_limits(self.latencies, operation, size, others=others, on_probation=breaker.on_probation)

    async def run(
        self,
        call: Callable[[], Awaitable[Answer]],
        operation: OperationClass,
        options: CallOptions,
        *,
        repeatable: bool = True,
        size: int = 1,
        shard: int | None = None,
    ) -> Answer:
        """Make the call, and retry it while it fails in a way that another try may fix.

        A write that is not `repeatable` at this provider is retried only if it certainly did not happen. A try that
        timed out is retried only where its limit is configured, because otherwise the next one could not be quicker. If
        no try succeeds, the last error is raised; but if any of the tries may have happened, the raised error is
        ambiguous. `size` is the number of memories that the call concerns. A call that is a last resort is tried once,
        whatever the breaker says, and only its success is reported to the breaker. `shard` is that of the provider
        which the call is about, None if it has none; see `ShardBreakers`.

        Raises:
            BreakerOpen: the breaker of the provider refuses calls.
            BulkheadFull: the provider has reached its concurrency limit, and no slot became free in time.
            NoTimeLeft: the deadline passed before the provider could be called.
        """
        tries = CallAttempts(self, call, operation, options, size, repeatable, shard)
        if options.last_resort:
            return await tries.last_resort()
        try:
            # Nearly every call ends here. Tenacity, at some 50 us a call, would cost more than all else in this file.
            async with tries.next():
                return await call()
        except Unavailable as error:
            if not tries.can_retry(error):
                raise
        # Each call has its own: calls that share an instance overwrite each other's state while they wait.
        again = retry_if_exception(tries.can_retry)
        retrying = AsyncRetrying(sleep=self.sleep, wait=tries.wait, stop=tries.exhausted, retry=again, reraise=True)
        try:
            answer: Answer = await retrying(tries.again)
        except Unavailable as error:
            failure = tries.error_to_raise(error)
            note_outcome(self.guards.breaker.provider, failure.outcome)
            if failure is error:
                raise
            raise failure from error
        return answer
