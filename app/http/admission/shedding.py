"""What is told of refusals: metrics and the access line tell of each, and a line of the log now and then whose."""

from collections import Counter

import structlog

from app.http.admission.lanes import Lane
from observability.metrics import Metrics
from observability.notes import current

# Seconds between two lines about refusals, however many there are.
SECONDS_BETWEEN = 10.0
_NAMED = 3  # callers in one line

_log = structlog.get_logger("ninai")


class Shedding:
    """Count refusals, and log now and then how many there were and whose."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._by_caller: Counter[str] = Counter()
        self._logged = float("-inf")

    def count(self, lane: Lane, reason: str, caller: str, now: float) -> None:
        """Count one refusal; `now` is in seconds of the loop's clock."""
        self._metrics.admission_shed.labels(lane, reason).inc()
        if (notes := current.get()) is not None:
            notes.shed = reason
        self._by_caller[caller] += 1
        self.tell(now)

    def tell(self, now: float) -> None:
        """Log what was refused since the last line, if that is long ago."""
        if self._by_caller and now - self._logged >= SECONDS_BETWEEN:
            self._logged = now
            _log.warning(
                "requests_shed", number=self._by_caller.total(), callers=dict(self._by_caller.most_common(_NAMED))
            )
            self._by_caller.clear()
