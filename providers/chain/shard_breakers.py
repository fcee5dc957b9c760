"""The circuit breakers of the shards of one provider, where some of its owners are served while others are not."""

from collections.abc import Callable

from providers.chain.breaker import CircuitBreaker

# Of a call to a provider with shards that is about several owners, or about none.
NO_SHARD = -1

MakeBreaker = Callable[[int], CircuitBreaker]


class ShardBreakers:
    """One breaker for each shard that was called, made by `make`; without it there are none.

    The provider tells which shard an owner is of. Failures of one shard open its breaker alone, and no probe is asked:
    that the provider answers a ping says nothing about one of its shards.
    """

    def __init__(self, make: MakeBreaker | None = None) -> None:
        self._make = make
        self._breakers: dict[int, CircuitBreaker] = {}

    def of(self, shard: int | None) -> CircuitBreaker | None:
        """Return the breaker of a shard; None of a provider without shards, and of a call about no single one."""
        if shard is None or shard == NO_SHARD or self._make is None:
            return None
        if shard not in self._breakers:
            self._breakers[shard] = self._make(shard)
        return self._breakers[shard]

    @property
    def open(self) -> int:
        """How many shards are left alone now."""
        return sum(breaker.refuses() for breaker in self._breakers.values())
