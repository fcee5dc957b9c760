"""A pool of connections as it is shown: how many there may be and are, who waits for one, and for how long."""

import pytest
from prometheus_client import CollectorRegistry

from observability.metrics import Metrics


class Lending:
    """A pool of five, two of them lent."""

    def size(self) -> int:
        """As many as there may be."""
        return 5

    def checkedout(self) -> int:
        """As many as are lent."""
        return 2

    def checkedin(self) -> int:
        """As many as are there."""
        return 1


class Shown:
    """Metrics, and what a scrape would show."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry)

    def value(self, name: str, **labels: str) -> float | None:
        """One sample of `native`, None if there is none."""
        return self.registry.get_sample_value(f"ninai_database_{name}", {"provider": "native", **labels})


def test_a_pool_is_shown_while_it_is_open() -> None:
    """With what it says at that moment."""
    shown = Shown()
    with shown.metrics.watched_pool("native", Lending):
        assert shown.value("pool_size") == 5
        assert shown.value("connections", state="in_use") == 2
        assert shown.value("connections", state="idle") == 1
        assert shown.value("waiting") == 0

    assert shown.value("pool_size") is None
    assert shown.value("connections", state="in_use") is None
    assert shown.value("waiting") is None


def test_whoever_waits_is_shown_and_timed() -> None:
    """Until there is a connection, or none."""
    shown = Shown()
    with shown.metrics.watched_pool("native", Lending) as waiting:
        with waiting.one():
            during = shown.value("waiting")
        with pytest.raises(TimeoutError), waiting.one():
            raise TimeoutError

        assert (during, shown.value("waiting")) == (1, 0)
        for outcome in ("ok", "failed"):
            assert shown.value("acquire_duration_seconds_count", outcome=outcome) == 1


def test_a_pool_that_took_the_place_of_another_stays() -> None:
    """A provider that is opened anew under its name is there before the former one has gone."""
    shown = Shown()
    with shown.metrics.watched_pool("native", Lending):
        later = shown.metrics.watched_pool("native", Lending)
        later.__enter__()
    assert shown.value("pool_size") == 5
    later.__exit__(None, None, None)

    assert shown.value("pool_size") is None


def test_the_least_wait_of_the_busiest_pool_is_told_once() -> None:
    """Of whoever got a connection; what was told is not told again, and who waits in vain tells nothing."""
    shown = Shown()
    least = shown.metrics.least_wait_for_a_connection
    with shown.metrics.watched_pool("native", Lending) as busy, shown.metrics.watched_pool("journal", Lending) as idle:
        nobody = least()
        busy.least, idle.least = 0.25, 0.125
        first, again = least(), least()
        with pytest.raises(TimeoutError), busy.one():
            raise TimeoutError
        in_vain = least()
        with busy.one():
            pass

        assert (nobody, first, again, in_vain) == (0, 0.25, 0, 0)
        assert least() > 0
