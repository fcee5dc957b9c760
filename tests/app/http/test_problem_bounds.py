"""However much an error quotes, what a client is told of it is short."""

import pytest
from litestar.exceptions import ValidationException

from app.http.problems import BAD_REQUEST, MAX_DETAIL_CHARS, MAX_FIELD_CHARS, RequestError, problem_of
from providers.errors import InvalidInput


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ("f" * MAX_FIELD_CHARS, "f" * MAX_FIELD_CHARS),
        ("f" * (MAX_FIELD_CHARS + 1), "f" * MAX_FIELD_CHARS + "..."),
    ],
)
def test_a_field_is_named_shortly(sent: str, told: str) -> None:
    """Whoever raises the error."""
    errors: list[Exception] = [
        InvalidInput(sent, "is wrong"),
        RequestError(BAD_REQUEST, "is wrong", field=sent),
        ValidationException(extra=[{"key": sent, "message": "is wrong"}]),
    ]

    for error in errors:
        assert [one.field for one in problem_of(error).errors] == [told]


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ("d" * MAX_DETAIL_CHARS, "d" * MAX_DETAIL_CHARS),
        ("d" * (MAX_DETAIL_CHARS + 1), "d" * MAX_DETAIL_CHARS + "..."),
    ],
)
def test_a_rule_is_told_shortly(sent: str, told: str) -> None:
    """The whole, and what is said of one field."""
    errors: list[Exception] = [
        InvalidInput("field", sent),
        RequestError(BAD_REQUEST, sent, field="field"),
        ValidationException(extra=[{"key": "field", "message": sent}]),
    ]

    for error in errors:
        problem = problem_of(error)
        assert [one.detail for one in problem.errors] == [told]
        assert len(problem.detail) <= MAX_DETAIL_CHARS + len("...")
