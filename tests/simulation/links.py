"""How a simulated replica reaches its providers: everything that stands before them, with limits as short as a run."""

import asyncio
from contextlib import suppress
from random import Random

from providers.chain.attempts import Attempts
from providers.chain.breaker import CircuitBreaker
from providers.chain.budget import RetryBudget
from providers.chain.bulkhead import Bulkhead
from providers.chain.guards import Guards
from providers.chain.last_resort import LastResortLimiter
from providers.chain.link import Link
from providers.chain.opening import responds
from providers.chain.policy import (
    AttemptPolicy,
    BreakerPolicy,
    BudgetPolicy,
    OperationPolicy,
    RelayPolicy,
    ReplayPolicy,
    RetentionPolicy,
)
from providers.chain.relay import OutboxRelay
from providers.errors import Unavailable
from providers.journal.base import Journal
from tests.simulation.faulty import FaultyReplica
from tests.support.clock import FakeClock

# A delivery may be tried twice before what replaces it has its turn, and the last try may land 4 seconds late.
RETENTION = RetentionPolicy(keep=6.0, every=2.0)
# As short as the run, so that time runs out in it; how long a try may take is found out, but for deliveries.
_SHORT = OperationPolicy(deadline=2.0)
ATTEMPTS = AttemptPolicy(
    recall=_SHORT,
    read=_SHORT,
    remember=_SHORT,
    delete=_SHORT,
    replay=ReplayPolicy(deadline=30.0, try_limit=0.8),
)
DELIVERIES = RelayPolicy(poll=2.0, longest_wait=5.0)
_PROBE_SECONDS = 3.0
BREAKERS = BreakerPolicy(first_pause=1.0, longest_pause=4.0)


async def identity(link: Link) -> str | None:
    """Ask a store who it is; None if it does not say."""
    with suppress(Unavailable, TimeoutError):
        async with asyncio.timeout(_PROBE_SECONDS):
            return await link.provider.identity()
    return None


def deliverer(link: Link, journal: Journal, clock: FakeClock, chance: Random) -> OutboxRelay:
    """Make the deliverer to a provider."""
    return OutboxRelay(link.name, journal, lambda: link, DELIVERIES, chance=chance.random, now=clock)


def link_to(provider: FaultyReplica, name: str, clock: FakeClock, chance: Random) -> Link:
    """Put a provider behind all that stands before it."""
    guards = Guards(
        breaker=CircuitBreaker(name, BREAKERS, clock, chance.random, ping=lambda: responds(provider, clock)),
        budget=RetryBudget(BudgetPolicy(), clock),
        bulkhead=Bulkhead(name, 32),
        last_resort=LastResortLimiter(name, clock),
    )
    return Link(name, provider, Attempts(ATTEMPTS, guards, chance=chance.random, now=clock))
