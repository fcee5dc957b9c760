"""The list of protections is about what there is."""

import ast

import pytest

from tests.protections.__main__ import ROOT
from tests.protections.protections import PROTECTIONS, Protection


@pytest.mark.parametrize("protection", PROTECTIONS, ids=lambda protection: protection.name)
def test_a_protection_can_be_taken_out(protection: Protection) -> None:
    """Its text stands once in its file, which is valid without it, and its tests are there."""
    source = (ROOT / protection.file).read_text("utf-8")

    ast.parse(protection.without(source))

    for test in protection.tests:
        path, _, name = test.partition("::")
        assert (ROOT / path).exists()
        assert not name or f"def {name}(" in (ROOT / path).read_text("utf-8")


def test_a_protection_has_a_name_of_its_own() -> None:
    """By which it is chosen."""
    assert len({protection.name for protection in PROTECTIONS}) == len(PROTECTIONS) >= 30
