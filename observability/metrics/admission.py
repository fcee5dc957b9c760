"""Metrics of admission: the limit that was found, what is under way and waits, and what was refused."""

from collections.abc import Callable
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from observability.metrics.buckets import JOURNAL_BUCKETS

# Every refusal that there is.
_SHED = (("callers", "limit"), ("callers", "share"), ("callers", "price"), ("operators", "limit"))


class AdmissionMetrics:
    """Measure admission; who was refused is told by the log alone."""

    def __init__(self, registry: CollectorRegistry) -> None:
        gauge = partial(Gauge, registry=registry)
        self.admission_limit = gauge("ninai_admission_limit", "Units of work that are admitted at once.")
        self.admission_dear_limit = gauge(
            "ninai_admission_dear_limit", "Units of work that dear requests may have of that, beside ordinary ones."
        )
        self.admission_used = gauge("ninai_admission_used", "Units of work that are under way.")
        self.admission_waiting = gauge("ninai_admission_waiting", "Requests that wait to be admitted.")
        self.admission_delay = gauge(
            "ninai_admission_queueing_delay_seconds",
            "The least time for which work that could go on waited within this process, in the last interval.",
        )
        self.admission_wait = Histogram(
            "ninai_admission_wait_seconds",
            "Time for which a request waited to be admitted, or until it was refused; others did not wait.",
            buckets=JOURNAL_BUCKETS,
            registry=registry,
        )
        self.admission_shed = Counter(
            "ninai_admission_shed",
            "Requests that were refused before anything was done: the limit was used up (limit), their caller had its"
            " share of it (share), or they were dearer than they looked (price).",
            ("lane", "reason"),
            registry=registry,
        )
        for lane, reason in _SHED:
            self.admission_shed.labels(lane, reason)

    def watch_admission(
        self,
        limit: Callable[[], float],
        dear_limit: Callable[[], float],
        used: Callable[[], float],
        waiting: Callable[[], float],
    ) -> None:
        """Show the state, read anew in every scrape."""
        self.admission_limit.set_function(limit)
        self.admission_dear_limit.set_function(dear_limit)
        self.admission_used.set_function(used)
        self.admission_waiting.set_function(waiting)
