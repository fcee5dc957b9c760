"""The admission of one call by a circuit breaker, which learns from the outcome of the call."""

from msgspec import Struct

from providers.chain.breaker import CircuitBreaker
from providers.chain.policy import OperationClass


class Admission(Struct):
    """Surround one admitted call, and report its outcome to the breaker; raise `BreakerOpen` if it refuses calls now.

    Where a provider has shards, a call is also admitted by the breaker `of_shard`, if it is about a single one.

    This is a plain class and no generator, because it stands in the path of every call.
    """

    breaker: CircuitBreaker
    operation: OperationClass
    has_shards: bool = False
    of_shard: CircuitBreaker | None = None
    _generation: int = 0
    _generation_of_shard: int = 0

    def __enter__(self) -> None:
        if self.of_shard is not None:
            self.of_shard.check()
        self._generation = self.breaker.begin()
        if self.of_shard is not None:
            self._generation_of_shard = self.of_shard.begin()

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if self.of_shard is not None:
            self.of_shard.ended(self._generation_of_shard, self.operation, error)
        self.breaker.ended(self._generation, self.operation, error, of_shard=self.has_shards)
