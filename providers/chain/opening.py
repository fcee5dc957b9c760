"""Open a provider of a chain, and build the link through which the chain calls it."""

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial

import structlog
from msgspec import Struct

from providers.chain.attempts import Attempts
from providers.chain.breaker import CircuitBreaker
from providers.chain.breaker_state import BreakerSnapshot, BreakerState
from providers.chain.budget import RetryBudget
from providers.chain.bulkhead import Bulkhead
from providers.chain.deadline import Clock
from providers.chain.guards import Guards
from providers.chain.hedging.pace import Pace
from providers.chain.last_resort import LastResortLimiter
from providers.chain.link import Link
from providers.chain.observer import ChainObserver
from providers.chain.policy import AttemptPolicy, ChainPolicy, ErasurePolicy
from providers.chain.shard_breakers import ShardBreakers
from providers.errors import Unavailable
from providers.expectations import ProviderLimits
from providers.journal.base import Journal
from providers.replica import Replica
from providers.timing.lag_tolerant import LagTolerantTimeout

PING_SECONDS = 2.0

_log = structlog.get_logger(__name__)


def keep_nothing(_installation: str) -> None:
    """Forget the id of an installation at the end of the process."""


class ProviderSpec(Struct, frozen=True, kw_only=True):
    """A provider that is to take part: how to open it, and the limits of the calls to it.

    Two specs with equal `settings` are the same provider, which stays open when the order is switched.
    """

    name: str
    settings: object
    opened: Callable[[], AbstractAsyncContextManager[Replica]]
    attempts: AttemptPolicy
    limits: ProviderLimits = ProviderLimits()


class JournalSpec(Struct, frozen=True, kw_only=True):
    """How to open the journal, None if none is configured; `always` asks for one even with a single provider.

    `installation` is the id of the installation to which the journal must belong, None as long as it has none: then it
    takes one, and `keep` remembers it for the next start.
    """

    opened: Callable[[], AbstractAsyncContextManager[Journal]] | None
    always: bool
    installation: str | None
    keep: Callable[[str], None] = keep_nothing


class ErasureSpec(Struct, frozen=True, kw_only=True):
    """How to open what keeps erasures where there is no journal, whether it is there already, and the policy."""

    opened: Callable[[], AbstractAsyncContextManager[Journal]]
    exists: Callable[[], bool]
    policy: ErasurePolicy = ErasurePolicy()


class OpenProvider(Struct, frozen=True, eq=False):
    """An open provider: its link, the settings that it was opened with, and what closes it."""

    link: Link
    settings: object
    stack: AsyncExitStack


async def open_link(
    spec: ProviderSpec, policy: ChainPolicy, observer: ChainObserver, undo: AsyncExitStack, now: Clock = time.monotonic
) -> OpenProvider:
    """Open a provider and build its link; `undo` closes both again unless the caller takes that over.

    Raises:
        Unavailable: the provider cannot be opened at all.
    """
    stack = AsyncExitStack()
    undo.push_async_callback(stack.aclose)
    provider = await stack.enter_async_context(spec.opened())
    breaker = CircuitBreaker(
        spec.name, policy.breaker, now, changed=observer.breaker_changed, ping=lambda: responds(provider, now)
    )
    stack.push_async_callback(breaker.close)

    def breaker_of(shard: int) -> CircuitBreaker:
        return CircuitBreaker(spec.name, policy.breaker, now, changed=partial(_shard_changed, shard))

    guards = Guards(
        breaker=breaker,
        budget=RetryBudget(policy.budget, now),
        bulkhead=Bulkhead(spec.name, spec.limits.concurrency),
        last_resort=LastResortLimiter(spec.name, now),
        shards=ShardBreakers(breaker_of),
    )
    pace = Pace(spec.limits.expected_latency, now, policy.hedging)
    attempts = Attempts(spec.attempts, guards, observer, now=now, pace=pace, longest=policy.longest_request)
    return OpenProvider(Link(spec.name, provider, attempts), spec.settings, stack)


def _shard_changed(shard: int, snapshot: BreakerSnapshot) -> None:
    if snapshot.state is not BreakerState.HALF_OPEN:
        _log.warning(
            "shard_breaker_changed", provider=snapshot.provider, shard=shard, state=snapshot.state, reason=snapshot.why
        )


async def responds(provider: Replica, now: Clock = time.monotonic) -> bool:
    """Ping the provider past all queues, and return whether an answer came within `PING_SECONDS`."""
    try:
        async with LagTolerantTimeout(PING_SECONDS, now=now):
            await provider.ping()
    except (Unavailable, TimeoutError):
        return False
    return True
