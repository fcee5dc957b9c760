"""SECURITY.md names tests that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
RISKS = 10


def test_every_risk_names_tests_that_exist() -> None:
    """A promise that nothing checks is none."""
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    rows = re.findall(r"^\| API\d+ .*$", text, flags=re.MULTILINE)
    named = [set(re.findall(r"`(test_\w+)`", row)) for row in rows]
    files = (ROOT / "tests").rglob("test_*.py")
    known = {
        name
        for file in files
        for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text("utf-8"), re.MULTILINE)
    }

    assert (len(rows), all(named)) == (RISKS, True)
    assert set().union(*named) - known == set()
