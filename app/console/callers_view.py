"""What callers got of this process in the last minutes, as the console shows it."""

import time

from msgspec import Struct

from app.console.counts import Counts
from app.console.sparkline import Sparkline, rate_line, sparkline
from observability.callers import MINUTE, CallerHistory, Ends, FailedRequest
from observability.latency import INTERVALS

_READS_BY_POST = ("/recall", "/recall/batch", "/search")


class OperationView(Struct, frozen=True, kw_only=True):
    """Show one operation: a method and the template of a route."""

    name: str
    ends: Ends
    latency: Sparkline | None


class CallersView(Struct, frozen=True, kw_only=True):
    """Show all operations of the last minutes; `reads` and `writes` are those of the last minute alone.

    `failure` is the last request that failed or was refused, `failed_ago` how many seconds ago that was.
    """

    rate: float
    line: Sparkline | None
    whole: Ends
    reads: Ends
    writes: Ends
    operations: list[OperationView]
    failure: FailedRequest | None
    failed_ago: float
    counts: Counts | None


def callers_view(history: CallerHistory, counts: Counts | None) -> CallersView:
    """Gather what callers got."""
    operations = [
        OperationView(
            name=name,
            ends=history.ends(name, INTERVALS),
            latency=sparkline(history.latencies, name, f"the requests {name} to this process"),
        )
        for name in history.operations()
    ]
    whole, reads, writes = Ends(), Ends(), Ends()
    for operation in operations:
        whole.add(operation.ends)
        (reads if _reads(operation.name) else writes).add(history.ends(operation.name, MINUTE))
    failure = history.last_failure
    return CallersView(
        rate=history.rate(),
        line=rate_line(history.steps()),
        whole=whole,
        reads=reads,
        writes=writes,
        operations=operations,
        failure=failure,
        failed_ago=0.0 if failure is None else max(0.0, time.time() - failure.at),
        counts=counts,
    )


def _reads(operation: str) -> bool:
    return operation.startswith(("GET ", "HEAD ")) or operation.endswith(_READS_BY_POST)
