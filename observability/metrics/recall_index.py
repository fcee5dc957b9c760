"""Metrics of the recall indexes: what recalls found there, and the memory that they take."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge

# What a recall found: an index that was brought up to date, none, one of another history of the store, one that was
# still being loaded, or a store that cannot tell what changed. Beside them an index that had to make room, and one that
# was loaded for a single recall, because those that would have had to make room are asked for as often; and a question
# that was ranked before, since when nothing had changed.
RECALL_INDEX_EVENTS = ("hit", "miss", "dropped", "loading", "unknown", "evicted", "passed", "repeated")


class RecallIndexMetrics:
    """Measure recall indexes, by the provider whose memories they hold."""

    def __init__(self, registry: CollectorRegistry) -> None:
        gauge = partial(Gauge, labelnames=("provider",), registry=registry)
        self.recall_index_events = Counter(
            "ninai_recall_index_events_total",
            "What recalls found of their user's index: hit, miss, dropped, loading, unknown; and indexes that were"
            " evicted, or passed over because those in memory are asked for as often. Also repeated: questions whose"
            " ranking was still known.",
            ("provider", "event"),
            registry=registry,
        )
        self.recall_index_bytes = gauge(
            "ninai_recall_index_bytes", "Memory that the recall indexes of a provider take."
        )
        self.recall_index_limit_bytes = gauge(
            "ninai_recall_index_limit_bytes", "Memory that the recall indexes of a provider may take."
        )
        self.recall_index_users = gauge("ninai_recall_index_users", "Users whose recall index is in memory.")
        self._watched: dict[str, object] = {}

    def recall_index_counter(self, provider: str) -> Callable[[str], None]:
        """Return what counts an event; all of them are there with 0 from now on."""
        children = {event: self.recall_index_events.labels(provider, event) for event in RECALL_INDEX_EVENTS}
        return lambda event: children[event].inc()

    @contextmanager
    def watched_recall_index(
        self, provider: str, taken: Callable[[], int], users: Callable[[], int], most: int
    ) -> Iterator[None]:
        """Show the size of an index, read anew in every scrape, for as long as the context lasts."""
        shown = self._watched[provider] = object()
        gauges = self.recall_index_bytes, self.recall_index_users, self.recall_index_limit_bytes
        for gauge, function in zip(gauges, (taken, users, lambda: most), strict=True):
            gauge.labels(provider).set_function(function)
        try:
            yield
        finally:
            # One that was opened anew under its name is already shown when the former one closes.
            for gauge in gauges if self._watched[provider] is shown else ():
                gauge.remove_by_labels({"provider": provider})
