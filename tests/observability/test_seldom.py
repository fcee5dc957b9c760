"""What is repeated is told ever more rarely."""

from observability.seldom import Repeated, worth_telling


def test_a_long_row_is_few_lines() -> None:
    """The powers of two."""
    assert [times for times in range(100) if worth_telling(times)] == [1, 2, 4, 8, 16, 32, 64]


def test_another_reason_is_news() -> None:
    """And so is the same one, when it had ended meanwhile."""
    repeated = Repeated()

    assert [repeated.happened("full") for _ in range(6)] == [True, True, False, True, False, False]
    assert (repeated.happened("gone"), repeated.times) == (True, 1)
    assert [repeated.happened("gone") for _ in range(2)] == [True, False]
    repeated.ended()
    assert (repeated.happened("gone"), repeated.times) == (True, 1)
