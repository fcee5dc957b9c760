"""Filters as SQL."""

from providers.filters import MAX_IN_VALUES, In
from providers.native.filter_sql import FilterSql


def test_a_filter_on_many_values_is_as_long_as_one_on_few() -> None:
    """Neither the text nor the number of what is bound grows with the values of `in`, so one statement serves all."""
    few, many = FilterSql(In("x", [1])), FilterSql(In("x", list(range(MAX_IN_VALUES))))

    assert many.sql == few.sql
    assert many.values.keys() == few.values.keys()
