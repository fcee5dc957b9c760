"""Several observers behind one."""

from collections.abc import Sequence

from providers.chain.breaker_state import BreakerSnapshot
from providers.chain.observer import Attempt, ChainObserver, GivenUp, JournalCall
from providers.chain.policy import OperationClass


class Observers(ChainObserver):
    """Pass every call on to each observer, in the order given."""

    def __init__(self, *observers: ChainObserver) -> None:
        self._observers = observers

    def tried(self, attempt: Attempt) -> None:
        """Pass on."""
        for observer in self._observers:
            observer.tried(attempt)

    def gave_up(self, provider: str, operation: OperationClass, reason: GivenUp) -> None:
        """Pass on."""
        for observer in self._observers:
            observer.gave_up(provider, operation, reason)

    def fell_back(self, source: str, target: str, operation: OperationClass, reason: str) -> None:
        """Pass on."""
        for observer in self._observers:
            observer.fell_back(source, target, operation, reason)

    def asked_journal(self, call: JournalCall, outcome: str, seconds: float) -> None:
        """Pass on."""
        for observer in self._observers:
            observer.asked_journal(call, outcome, seconds)

    def delivered(self, provider: str, outcome: str, count: int) -> None:
        """Pass on."""
        for observer in self._observers:
            observer.delivered(provider, outcome, count)

    def confirmed(self, provider: str, accepted_at: float) -> None:
        """Pass on."""
        for observer in self._observers:
            observer.confirmed(provider, accepted_at)

    def routed(self, order: Sequence[str], complete: frozenset[str], *, journalled: bool) -> None:
        """Pass on."""
        for observer in self._observers:
            observer.routed(order, complete, journalled=journalled)

    def not_reached(self, provider: str, reason: str) -> None:
        """Pass on."""
        for observer in self._observers:
            observer.not_reached(provider, reason)

    def reached(self, provider: str) -> None:
        """Pass on."""
        for observer in self._observers:
            observer.reached(provider)

    def breaker_changed(self, snapshot: BreakerSnapshot) -> None:
        """Pass on."""
        for observer in self._observers:
            observer.breaker_changed(snapshot)

    def read_by(self, provider: str, instead_of: str | None, reason: str) -> None:
        """Pass on."""
        for observer in self._observers:
            observer.read_by(provider, instead_of, reason)

    def filling_postponed(self, provider: str, reason: str, next_try: float) -> None:
        """Pass on."""
        for observer in self._observers:
            observer.filling_postponed(provider, reason, next_try)
