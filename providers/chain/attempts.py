"""One call against one provider, tried again as often as it helps and the time allows."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import AsyncRetrying, retry_if_exception

from providers.chain.guards import Guards
from providers.chain.jitter import FullJitter
from providers.chain.latency_estimate import LatencyEstimates
from providers.chain.observer import AttemptObserver, Unobserved
from providers.chain.policy import LONGEST_REQUEST, AttemptPolicy, OperationClass
from providers.chain.tries import Tries, note_outcome
from providers.chain.try_limits import TryLimits, configured_limits, found_limits
from providers.chain.turn import Turn
from providers.errors import Unavailable
from providers.expectations import ProviderLimits

Answer = TypeVar("Answer")


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
        self.usual = LatencyEstimates(usual)
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
        tries = Tries(self, call, operation, turn, size, repeatable=repeatable)
        if turn.last_resort:
            return await tries.only()
        try:
            # Nearly every call ends here. Tenacity, at some 50 us a call, would cost more than all else in this file.
            async with tries.next():
                return await call()
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
            answer: Answer = await retrying(tries.again)
        except Unavailable as error:
            telling = tries.most_telling(error)
            note_outcome(self.guards.breaker.provider, telling.outcome)
            if telling is error:
                raise
            raise telling from error
        return answer
