"""What a run leaves out by its marks: tests that are not even made, where they are thousands."""

import re

import pytest


def leaves_out(config: pytest.Config, marks: set[str]) -> bool:
    """Return whether the run's `-m` leaves out what has one of these marks; False where it says more than `and`."""
    expression: str = config.getoption("markexpr")
    if not re.fullmatch(r"(not )?\w+( and (not )?\w+)*", expression):
        return False
    return any(f"not {mark}" in expression.split(" and ") for mark in marks)
