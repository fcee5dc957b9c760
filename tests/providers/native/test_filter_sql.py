"""Filters as SQL."""

from typing import Any

from providers.filters import MAX_IN_VALUES, And, Eq, Exists, Filter, In
from providers.native.filter_sql import filter_sql
from providers.native.search import recall_statement
from providers.owners import Owner
from providers.postgres.bound_sql import Binding, BoundSql
from providers.types import RecallQuery


def rendered(where: Filter) -> BoundSql:
    """The filter as a statement of its own."""
    binding = Binding()
    return binding.of(filter_sql(where, binding.bind))


def recalling(where: Filter) -> BoundSql:
    """The statement of a question with a filter."""
    return recall_statement(RecallQuery(owner=Owner("anna"), query="tea", where=where), {}, 0.5)


def test_a_filter_on_many_values_is_as_long_as_one_on_few() -> None:
    """Neither the text nor the number of what is bound grows with the values of `in`, so one statement serves all."""
    few, many = rendered(In("x", [1])), rendered(In("x", list(range(MAX_IN_VALUES))))

    assert many.text == few.text
    assert len(many.values) == len(few.values)


def test_filters_of_other_values_share_one_text() -> None:
    """The very same one, so that neither it nor what the driver has prepared for it is made again."""
    values: list[Any] = [1, "a", None]
    [first, *others] = [recalling(And([Eq("x", value), Exists(["y", str(value)])])) for value in values]

    assert all(other.text is first.text for other in others)
    assert [statement.values[-2] for statement in (first, *others)] == ["1", '"a"', "null"]


def test_a_filter_is_bound_once_though_it_stands_twice_in_the_statement() -> None:
    """Each condition brings its own values to those of any question, and no more."""
    bare = recall_statement(RecallQuery(owner=Owner("anna"), query="tea"), {}, 0.5)
    where = And([Eq("x", 1)] * 60)

    assert len(recalling(where).values) == len(bare.values) + 2 * 60
    assert f"${len(bare.values) + 2 * 60} " in recalling(where).text
