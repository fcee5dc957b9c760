"""A recall index that the metrics tell of."""

from collections.abc import Iterator
from contextlib import contextmanager

from providers.host import Host
from providers.search.recall_index.index import RecallIndex
from providers.search.recall_index.source import ChangeSource


@contextmanager
def watched_index(
    source: ChangeSource, most_bytes: int, host: Host, ranked: ChangeSource | None = None
) -> Iterator[RecallIndex]:
    """Yield an index whose events and size are those of the provider in the metrics."""
    counted = host.metrics.recall_index_counter(host.name)
    index = RecallIndex(source, most_bytes, counted=counted, ranked=ranked)
    counts = index.counts
    with host.metrics.watched_recall_index(host.name, lambda: counts.bytes, lambda: counts.owners, most_bytes):
        yield index
