"""The measures of this checkout keep their aims."""

import pytest

from tests.house import fields, imports, names, rigs, sizes, stand_ins
from tests.house.__main__ import ROOT
from tests.house.table import Row
from tests.house.tree import Tree

_TREE = Tree(ROOT)
ROWS = [
    *fields.rows(_TREE),
    *sizes.rows(_TREE),
    *imports.rows(_TREE),
    *names.rows(_TREE),
    *rigs.rows(_TREE),
    *stand_ins.rows(_TREE),
]
AIMED = [row for row in ROWS if row.aim]


def test_the_measures_have_aims() -> None:
    """Otherwise nothing would be held against anything."""
    assert len(AIMED) >= 9


@pytest.mark.parametrize("row", AIMED, ids=lambda row: row.measure.strip())
def test_the_aim_is_met(row: Row) -> None:
    """The places say where not."""
    assert row.meets_aim, row.places


@pytest.mark.parametrize(
    ("value", "aim", "met"),
    [(5, "<= 5", True), (6, "<= 5", False), (0, "0", True), (1, "0", False), (7, "", True), ("none", "<= 5", False)],
)
def test_an_aim_is_a_number_or_a_bound(value: float | str, aim: str, *, met: bool) -> None:
    """A value that could not be measured meets none."""
    assert Row(measure="a measure", value=value, aim=aim).meets_aim is met
