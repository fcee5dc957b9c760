"""One call that a breaker lets through, and what it learns from how that ends."""

from types import TracebackType
from typing import Protocol

from providers.chain.policy import OperationClass


class Gate(Protocol):
    """What lets calls through."""

    def begin(self) -> int:
        """Let one call through, and give the generation in which it began; or refuse it."""

    def ended(self, generation: int, operation: OperationClass, error: BaseException | None) -> None:
        """Learn from how a call ended that began in this term."""


class Admission:
    """A context manager by hand, since it stands in the path of every call."""

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
