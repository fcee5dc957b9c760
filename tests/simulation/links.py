"""How a simulated replica reaches its providers: everything that stands before them, with limits as short as a run."""

from random import Random

from providers.chain.link import Link
from providers.chain.opening import responds
from providers.chain.policy import (
    AttemptPolicy,
    BreakerPolicy,
    OperationPolicy,
    RelayPolicy,
    ReplayPolicy,
    RetentionPolicy,
)
from providers.replica import Replica
from tests.support.chain_rig import Guarding, link_of
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
BREAKERS = BreakerPolicy(first_pause=1.0, longest_pause=4.0)
_EXPECTED_LATENCY = 0.01  # seconds, so that patience is as short as it may be


def link_to(provider: Replica, name: str, clock: FakeClock, chance: Random) -> Link:
    """Return the link to a provider."""
    guarding = Guarding(
        attempts=ATTEMPTS,
        breaker=BREAKERS,
        chance=chance.random,
        expected_latency=_EXPECTED_LATENCY,
        ping=lambda: responds(provider, clock),
    )
    return link_of(name, provider, clock, guarding)
