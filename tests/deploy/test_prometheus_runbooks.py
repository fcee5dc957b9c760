"""The runbooks: one for each alert, with commands and addresses that the product has."""

import re
import shlex
from functools import cache
from pathlib import Path

import click
import pytest
import yaml
from prometheus_client import CollectorRegistry

from app.cli import main
from app.main import create_app
from app.settings import load

DEPLOY = Path(__file__).parents[2] / "deploy"
RUNBOOKS = sorted((DEPLOY / "runbooks").glob("Ninai*.md"))
HEADINGS = ["Meaning", "Impact", "First", "Mend"]

_COMMAND = re.compile(r"^\$ (.+)$", re.MULTILINE)
_INLINE = re.compile(r"`(ninai [^`]+)`")
_LINK = re.compile(r"\]\(([^)#]+)\)")
_ADDRESS = re.compile(r"https?://[^/\s]+(/[^\s?'\"]*)")


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    """By its name."""
    parsed = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text("utf-8"))
    alerts = {rule["alert"] for group in parsed["groups"] for rule in group["rules"]}

    assert {path.stem for path in RUNBOOKS} == alerts


def test_the_index_names_every_runbook() -> None:
    """Once, with a link."""
    index = (DEPLOY / "runbooks" / "README.md").read_text("utf-8")

    assert (
        re.findall(r"^\| \[(\w+)\]\(\1\.md\) \| \S", index, re.MULTILINE).sort()
        == [path.stem for path in RUNBOOKS].sort()
    )


@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)
def test_a_runbook_answers_four_questions(path: Path) -> None:
    """What it means, whom it hurts, what to look at first (three commands), how to mend it."""
    title, *sections = re.split(r"^## ", path.read_text("utf-8"), flags=re.MULTILINE)
    by_heading = {heading: text.strip() for heading, _, text in (section.partition("\n") for section in sections)}

    assert title.strip() == f"# {path.stem}"
    assert list(by_heading) == HEADINGS
    assert all(by_heading.values())
    assert len(_COMMAND.findall(by_heading["First"])) == 3


@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)
def test_the_commands_of_a_runbook_exist(path: Path) -> None:
    """Each subcommand and each option, as the command line has them."""
    text = path.read_text("utf-8")
    commands = [command for command in _COMMAND.findall(text) if command.startswith("ninai ")]

    for line in commands + _INLINE.findall(text):
        command: click.Command = main
        for word in shlex.split(line)[1:]:
            if word.startswith("-"):
                options = {option for parameter in command.params for option in parameter.opts}
                assert word in options, line
            elif isinstance(command, click.Group):
                found = command.get_command(click.Context(command), word)
                assert found is not None, line
                command = found
        assert command is not main, line


@cache
def served() -> set[tuple[str, str]]:
    """Every path, with NAME for what is to be filled in, and every method that it takes."""
    app = create_app(load(None, {"MEMORY_PROVIDER": "mock"}).settings, CollectorRegistry())
    return {
        (re.sub(r"\{\w+\}", "NAME", route.path_format), method)
        for route in app.routes
        for method in getattr(route, "methods", ())
    }


@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)
def test_the_addresses_of_a_runbook_are_served(path: Path) -> None:
    """With the method that is used."""
    lines = [line for line in _COMMAND.findall(path.read_text("utf-8")) if line.startswith("curl ")]

    for line in lines:
        words = shlex.split(line)
        method = words[words.index("-X") + 1] if "-X" in words else "GET"
        [address] = _ADDRESS.findall(line)
        assert (address, method) in served(), line


@pytest.mark.parametrize("path", [*RUNBOOKS, DEPLOY / "runbooks" / "README.md", DEPLOY / "prometheus" / "README.md"])
def test_links_lead_somewhere(path: Path) -> None:
    """To a file beside it."""
    assert [link for link in _LINK.findall(path.read_text("utf-8")) if not (path.parent / link).exists()] == []
