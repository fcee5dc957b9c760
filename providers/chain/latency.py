"""The observer that counts the attempts of a chain and keeps their recent latencies."""

from observability.latency import LatencyHistory
from observability.metrics import Metrics
from providers.chain.counting import CountingObserver
from providers.chain.observer import Attempt

# An attempt that never reached the provider, or that was cancelled, says nothing about its latency.
_WITHOUT_LATENCY = frozenset({"refused", "breaker_open", "bulkhead_full", "no_time_left", "cancelled"})


class LatencyObserver(CountingObserver):
    """Count what happens in the chain, and keep the latencies of the attempts."""

    def __init__(self, metrics: Metrics) -> None:
        super().__init__(metrics)
        self.history = LatencyHistory()

    def tried(self, attempt: Attempt) -> None:
        """See `AttemptObserver`."""
        super().tried(attempt)
        if attempt.outcome not in _WITHOUT_LATENCY:
            self.history.add(attempt.provider, attempt.seconds, failed=attempt.outcome != "ok")
