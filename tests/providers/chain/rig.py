"""A provider that follows a script, and all that stands before it, on one clock."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from random import Random

from msgspec import Struct

from providers.chain.breaker import CircuitBreaker
from providers.chain.breaker_state import BreakerSnapshot
from providers.chain.call_options import CallOptions
from providers.chain.deadline import Deadline
from providers.chain.observer import Attempt, AttemptObserver, GivenUp
from providers.chain.policy import (
    AttemptPolicy,
    OperationClass,
    OperationPolicy,
    ReplayPolicy,
)
from providers.errors import Unavailable
from tests.support.chain_rig import Guarding, attempts_of
from tests.support.clock import FakeClock

FOREVER = 1e6  # seconds

# Limits of an operator who wants every try to end soon.
LIMITED = AttemptPolicy(
    recall=OperationPolicy(deadline=0.5, try_limit=0.2),
    read=OperationPolicy(deadline=0.5, try_limit=0.2),
    remember=OperationPolicy(deadline=2.0, try_limit=0.5),
    delete=OperationPolicy(deadline=1.0, try_limit=0.3),
    replay=ReplayPolicy(deadline=30.0, try_limit=5.0),
)


class Step(Struct, frozen=True):
    """One call: how many seconds it takes, and how it ends."""

    seconds: float = 0.0
    error: BaseException | None = None


OK = Step(0.001)
DOWN = Step(0.001, Unavailable("down"))
HANGING = Step(FOREVER)
SURE = Step(0.001, Unavailable("connection refused"))  # surely nothing happened
UNSURE = Step(0.001, Unavailable("connection lost", ambiguous=True))


class Backend:
    """Does what the script says, and the last step for ever."""

    def __init__(self, clock: FakeClock, *script: Step) -> None:
        self.script = list(script) or [OK]
        self.asked_at: list[float] = []
        self.at_once = 0
        self.most_at_once = 0
        self._clock = clock

    async def __call__(self) -> str:
        """Take time, then succeed or fail."""
        step = self.script[min(len(self.asked_at), len(self.script) - 1)]
        self.asked_at.append(self._clock())
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if step.seconds:
                await asyncio.sleep(step.seconds)
        finally:
            self.at_once -= 1
        if step.error is not None:
            raise step.error
        return "done"


class Seen(AttemptObserver):
    """An observer that records what it hears."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self.given_up: list[GivenUp] = []

    def tried(self, attempt: Attempt) -> None:
        """Record it."""
        self.attempts.append(attempt)

    def gave_up(self, provider: str, operation: OperationClass, reason: GivenUp) -> None:
        """Record it."""
        assert (provider, operation in OperationClass) == ("home", True)
        self.given_up.append(reason)

    @property
    def outcomes(self) -> list[str]:
        """How the tries ended."""
        return [attempt.outcome for attempt in self.attempts]


class Rig:
    """Attempts at one scripted provider called "home"."""

    def __init__(
        self,
        clock: FakeClock,
        *script: Step,
        policy: AttemptPolicy = LIMITED,
        places: int = 50,
        chance: Callable[[], float] | None = None,
        answers: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        self.clock = clock
        self.backend = Backend(clock, *script)
        self.seen = Seen()
        self.changes: list[BreakerSnapshot] = []
        guarding = Guarding(
            attempts=policy,
            concurrency=places,
            chance=chance or Random(1).random,  # noqa: S311 - seeded, so that every run is the same
            ping=answers,
            changed=self.changes.append,
        )
        self.attempts = attempts_of("home", clock, guarding, self.seen)
        self.breaker = self.attempts.guards.breaker
        self.budget = self.attempts.guards.budget
        self.bulkhead = self.attempts.guards.bulkhead

    async def run(
        self,
        operation: OperationClass = OperationClass.RECALL,
        seconds: float | None = None,
        *,
        repeatable: bool = True,
        others: bool = False,
        last_resort: bool = False,
    ) -> str:
        """Make one call, within the usual deadline or `seconds`."""
        total = self.attempts.seconds(operation) if seconds is None else seconds
        options = CallOptions(Deadline.after(total, self.clock), others, last_resort)
        return await self.attempts.run(self.backend, operation, options, repeatable=repeatable)

    async def ended(
        self,
        operation: OperationClass = OperationClass.RECALL,
        seconds: float | None = None,
        *,
        repeatable: bool = True,
        others: bool = False,
        last_resort: bool = False,
    ) -> Unavailable | None:
        """Make one call, and return the error it ended with."""
        try:
            await self.run(operation, seconds, repeatable=repeatable, others=others, last_resort=last_resort)
        except Unavailable as error:
            return error
        return None

    @staticmethod
    def adaptive() -> AttemptPolicy:
        """Return the limits as they are without any configuration."""
        return AttemptPolicy()

    def open_breaker(self) -> None:
        """Let the breaker see enough failures to open."""
        while not self.breaker.refuses():
            fail(self.breaker)

    def is_at_rest(self) -> bool:
        """Return whether nothing is in flight, waiting or being asked."""
        return (self.bulkhead.in_flight, self.bulkhead.waiting, self.backend.at_once) == (0, 0, 0)


def end(breaker: CircuitBreaker, error: BaseException | None = None) -> None:
    """Make one call that is let through and ends at once, with this error or well."""
    breaker.check()
    with contextlib.suppress(*([type(error)] if error else [])), breaker.admit(OperationClass.READ):
        if error is not None:
            raise error


def fail(breaker: CircuitBreaker) -> None:
    """Make one call that fails."""
    end(breaker, Unavailable("down"))
