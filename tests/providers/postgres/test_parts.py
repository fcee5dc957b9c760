"""A large write is divided into parts, in the order in which everybody locks rows; a small one stays as it is."""

from typing import Any

from providers.postgres.parts import BYTES_PER_ROW, in_parts, most_size_of, size_of


def parts(rows: list[str], most: int) -> list[list[str]]:
    """Rows whose size is their length."""
    return in_parts(rows, len, str, most)


def test_what_fits_stays_together_as_it_came() -> None:
    """Up to the limit itself."""
    assert parts(["cc", "a", "b"], 4) == [["cc", "a", "b"]]


def test_what_is_larger_is_divided_in_order() -> None:
    """No part exceeds the limit, but for a row that does so alone."""
    assert parts(["cc", "a", "b"], 3) == [["a", "b"], ["cc"]]
    assert parts(["d", "cccc", "b"], 2) == [["b"], ["cccc"], ["d"]]


def test_rows_of_one_key_stay_in_their_order() -> None:
    """Of two memories with one id the first is stored."""
    assert in_parts([("b", 1), ("a", 1), ("b", 2)], lambda _: 1, lambda row: row[0], 1) == [
        [("a", 1)],
        [("b", 1)],
        [("b", 2)],
    ]


def test_texts_count_by_their_bytes() -> None:
    """At most four for a character beyond ASCII; other values take what any row takes."""
    assert size_of(["abc", None, 7]) == BYTES_PER_ROW + 3
    assert size_of(["é" * 3]) == BYTES_PER_ROW + 12


def test_a_bound_on_the_size_is_told_by_columns() -> None:
    """As if every character were as large as one may be, so that what is below it is small for certain."""
    columns: list[list[Any]] = [[1, 2], [None, "ab"], ["é", "c"], [None, None], [b"many", b"bytes"]]

    assert most_size_of(columns) == 2 * BYTES_PER_ROW + 4 * 4 >= sum(map(size_of, zip(*columns, strict=True)))
