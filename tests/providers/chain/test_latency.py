"""The latencies of a chain's attempts: what counts among them, and what does not."""

import pytest
from prometheus_client import CollectorRegistry

from observability.metrics import Metrics
from providers.chain.latency import LatencyObserver
from providers.chain.observer import Attempt
from providers.chain.policy import OperationClass


def tried(outcome: str, seconds: float = 0.01) -> Attempt:
    """Return one attempt at `a`."""
    return Attempt(provider="a", operation=OperationClass.READ, outcome=outcome, seconds=seconds, number=1)


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        ("ok", (1, 0)),
        ("timed_out", (1, 1)),
        ("cut_short", (1, 1)),
        ("bug", (1, 1)),
        ("breaker_open", None),
        ("bulkhead_full", None),
        ("no_time_left", None),
        ("cancelled", None),
    ],
)
def test_what_did_not_reach_the_provider_tells_nothing_of_it(outcome: str, told: tuple[int, int] | None) -> None:
    """A refusal of ours takes no time, and would make a provider that is down look fast."""
    observer = LatencyObserver(Metrics(CollectorRegistry()))
    observer.tried(tried(outcome))

    whole = observer.history.whole("a")

    assert (None if whole is None else (whole.count, whole.failed)) == told
