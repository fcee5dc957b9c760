"""The admission of one call by a circuit breaker, which learns from the outcome of the call."""

from types import TracebackType
from typing import Protocol

from providers.chain.policy import OperationClass


class Gate(Protocol):
    """A breaker as an admission sees it."""

    def begin(self) -> int:
        """Admit one call, and return the generation in which it began; or refuse it."""

    def ended(self, generation: int, operation: OperationClass, error: BaseException | None) -> None:
        """Record the outcome of a call that began in this generation."""


class Admission:
    """Surround one admitted call, and report its outcome to the breaker.

    This is a plain class and no generator, because it stands in the path of every call.
    """

    __slots__ = ("_gate", "_generation", "_operation")

    def __init__(self, gate: Gate, operation: OperationClass) -> None:
        self._gate = gate
        self._operation = operation
        self._generation = 0

    def __enter__(self) -> None:
        self._generation = self._gate.begin()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._gate.ended(self._generation, self._operation, error)
