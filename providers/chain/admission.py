"""The admission of one call by a circuit breaker, which learns from the outcome of the call."""

from msgspec import Struct

from providers.chain.breaker import CircuitBreaker
from providers.chain.policy import OperationClass


class Admission(Struct):
    """Surround one admitted call, and report its outcome to the breaker; raise `BreakerOpen` if it refuses calls now.

    This is a plain class and no generator, because it stands in the path of every call.
    """

    breaker: CircuitBreaker
    operation: OperationClass
    _generation: int = 0

    def __enter__(self) -> None:
        self._generation = self.breaker.begin()

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self.breaker.ended(self._generation, self.operation, error)
