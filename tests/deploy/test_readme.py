"""The README: short, and what it has a newcomer type is what the machine runs."""

import re

from tests.support.commands import typed
from tests.support.markdown import ROOT

README = (ROOT / "README.md").read_text("utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def test_it_is_read_in_a_few_minutes() -> None:
    """It has at most 200 lines; every other page is one subject."""
    assert len(README.splitlines()) <= 200


def test_its_picture_shows_every_part() -> None:
    """A drawing with words that a search finds, which names those who take part, and a small picture of the console."""
    drawing, console = (ROOT / path for path in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README))

    words = drawing.read_text("utf-8")
    assert all(f">{part}<" in words for part in ("agent", "API", "journal", "home", "standby"))
    assert console.stat().st_size < 150_000
    assert console.read_bytes().startswith(b"\x89PNG")


def test_every_target_of_make_exists() -> None:
    """In the README and in CONTRIBUTING.md."""
    text = README + (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    named = set(re.findall(r"(?:^\$ |`|&& )make ([a-z-]+)", text, re.MULTILINE))

    assert {"serve", "test", "check"} <= named <= TARGETS


def test_the_machine_runs_what_a_newcomer_types() -> None:
    """Each `make` of CI is a command of the README, and the check contains the tests."""
    run = re.findall(r"^make .+$", (ROOT / ".ci" / "run").read_text("utf-8"), re.MULTILINE)
    typed_by_newcomers = {command.partition("#")[0].strip() for command in typed(README)}
    [check] = re.findall(r"^check: (.+)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)

    assert run
    assert set(run) <= typed_by_newcomers
    assert {"lint", "types", "contracts", "test"} <= set(check.split())
