"""Buckets fill up evenly, and no request is impossible."""

from app.rates.buckets import MOST_NAMES, WINDOW, Buckets


def test_a_full_bucket_is_taken_at_once_and_the_rest_waits() -> None:
    """60 a minute: each second another one."""
    buckets = Buckets(60)

    assert buckets.wait("a", 60, 0) == 0
    buckets.take("a", 60, 0)
    assert (buckets.wait("a", 1, 0), buckets.wait("a", 10, 0), buckets.wait("a", 1, 1)) == (1, 10, 0)
    assert buckets.left("a", 30) == (30, 30)
    assert buckets.wait("b", 60, 0) == 0


def test_what_is_dearer_than_a_bucket_is_taken_when_it_is_full_and_paid_afterwards() -> None:
    """A batch of 150 at 60 a minute leaves a debt of 90 seconds."""
    buckets = Buckets(60)

    assert buckets.wait("a", 150, 0) == 0
    buckets.take("a", 150, 0)
    assert buckets.left("a", 0) == (0, 150)
    assert (buckets.wait("a", 1, 0), buckets.wait("a", 1, 91)) == (91, 0)
    assert buckets.wait("a", 150, 150) == 0


def test_a_bucket_holds_no_more_than_it_can() -> None:
    """However long nobody takes anything."""
    buckets = Buckets(60)
    buckets.take("a", 1, 0)

    assert buckets.left("a", 10 * WINDOW) == (60, 0)


def test_names_are_forgotten_where_there_are_too_many() -> None:
    """The one that asked longest ago first."""
    buckets = Buckets(1)
    for number in range(MOST_NAMES):
        buckets.take(str(number), 1, 0)
    assert buckets.wait("0", 1, 0) == 60

    buckets.take("one more", 1, 0)
    assert len(buckets) == MOST_NAMES
    assert (buckets.wait("0", 1, 0), buckets.wait("1", 1, 0)) == (60, 0)
