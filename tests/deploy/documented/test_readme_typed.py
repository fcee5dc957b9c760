"""What the README has a newcomer type, typed: every command, and every answer."""

from collections.abc import Callable

import pytest

from tests.deploy.documented.conftest import Desk
from tests.support.markdown import ROOT
from tests.support.transcripts import Block, blocks, missing, steps

pytestmark = pytest.mark.thorough


def section(heading: str) -> list[Block]:
    """Return the blocks of a section of the README in which something is typed."""
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    begin = lines.index(f"## {heading}")
    end = next((at for at, line in enumerate(lines) if at > begin and line.startswith("## ")), len(lines))
    return [one for one in blocks(ROOT / "README.md") if begin < one.line <= end and one.language == "console"]


def test_the_first_five_minutes(opened: Callable[..., Desk]) -> None:
    """The service says where it is; a memory is stored, found, listed and deleted."""
    shell, service = opened()
    start, use = section("Start")

    [served] = steps(start.text)
    assert served.command == "make serve"
    assert missing(tuple(map(shell.typed, served.expected)), service.said()) == []
    shell.follow(use)


def test_an_outage_of_home(opened: Callable[..., Desk]) -> None:
    """Home is stopped, a memory is accepted and found meanwhile, and home receives it when it is back."""
    configure, serve, wait, outage, end = section("What happens when a backend goes down")
    [exported] = steps(configure.text)
    settings = dict(part.split("=", 1) for part in exported.command.split()[1:])

    shell, _ = opened(**settings)

    assert [step.command for step in steps(serve.text)] == ["make serve"]
    for block in (wait, outage, end):
        shell.follow(block)
