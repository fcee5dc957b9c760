"""What is throttle is told ever more rarely."""

from observability.log_throttle import LogThrottle, is_logged


def test_a_long_row_is_few_lines() -> None:
    """The powers of two."""
    assert [times for times in range(100) if is_logged(times)] == [1, 2, 4, 8, 16, 32, 64]


def test_another_reason_is_news() -> None:
    """And so is the same one, when it had ended meanwhile."""
    throttle = LogThrottle()

    assert [throttle.count("full") for _ in range(6)] == [True, True, False, True, False, False]
    assert (throttle.count("gone"), throttle.times) == (True, 1)
    assert [throttle.count("gone") for _ in range(2)] == [True, False]
    throttle.reset()
    assert (throttle.count("gone"), throttle.times) == (True, 1)
