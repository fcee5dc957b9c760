"""The guards of a provider, which all calls of this process to it share."""

from msgspec import Struct, field

from providers.chain.breaker import CircuitBreaker
from providers.chain.budget import RetryBudget
from providers.chain.bulkhead import Bulkhead
from providers.chain.last_resort import LastResortLimiter
from providers.chain.shard_breakers import ShardBreakers


class Guards(Struct, frozen=True, kw_only=True):
    """The guards that all calls of this process to one provider share."""

    breaker: CircuitBreaker
    budget: RetryBudget
    bulkhead: Bulkhead
    last_resort: LastResortLimiter
    shards: ShardBreakers = field(default_factory=ShardBreakers)
