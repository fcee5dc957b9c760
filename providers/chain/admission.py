"""The admission of one call by a circuit breaker, which learns from the outcome of the call."""

from providers.chain.breaker import CircuitBreaker
from providers.chain.policy import OperationClass


class Admission:
    """Surround one admitted call, and report its outcome to the breaker; raise `BreakerOpen` if it refuses calls now.

    This is a plain class and no generator, because it stands in the path of every call.
    """

    __slots__ = ("_breaker", "_generation", "_operation")

    def __init__(self, breaker: CircuitBreaker, operation: OperationClass) -> None:
        self._breaker = breaker
        self._operation = operation
        self._generation = 0

    def __enter__(self) -> None:
        self._generation = self._breaker.begin()

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self._breaker.ended(self._generation, self._operation, error)
