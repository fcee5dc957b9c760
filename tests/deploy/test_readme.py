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
    """CI makes every part of the check, which contains the tests, and nothing but that and the README's commands."""
    run = {target for line in _made((ROOT / ".ci" / "run").read_text("utf-8")) for target in line.split()}
    typed_by_newcomers = {target for command in typed(README) for line in _made(command) for target in line.split()}
    [check] = re.findall(r"^check: (.+)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)

    assert {"lint", "types", "contracts", "test"} <= set(check.split()) <= run
    assert run <= typed_by_newcomers | set(check.split())


def _made(script: str) -> list[str]:
    """Return what `make` is asked for, command by command."""
    lines = (line for line in script.splitlines() if not line.startswith("#"))
    return re.findall(r"\bmake ([a-z -]+[a-z])", "\n".join(line.partition("#")[0] for line in lines))
