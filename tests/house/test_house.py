"""The measures of this checkout keep their aims."""

import pytest

from tests.house import fields, imports, names, rigs, sizes, stand_ins
from tests.house.__main__ import ROOT
from tests.house.table import Row
from tests.house.tree import Tree


def test_the_aims_are_met() -> None:
    """The places say where not."""
    tree = Tree(ROOT)  # read here, because every process that runs tests imports this file
    rows = [row for part in (fields, sizes, imports, names, rigs, stand_ins) for row in part.rows(tree)]
    aimed = [row for row in rows if row.aim]

    assert len(aimed) >= 9
    assert [(row.measure.strip(), row.value, row.places) for row in aimed if not row.meets_aim] == []


@pytest.mark.parametrize(
    ("value", "aim", "met"),
    [(5, "<= 5", True), (6, "<= 5", False), (0, "0", True), (1, "0", False), (7, "", True), ("none", "<= 5", False)],
)
def test_an_aim_is_a_number_or_a_bound(value: float | str, aim: str, *, met: bool) -> None:
    """A value that could not be measured meets none."""
    assert Row(measure="a measure", value=value, aim=aim).meets_aim is met
