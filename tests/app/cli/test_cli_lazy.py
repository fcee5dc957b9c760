"""The command line imports what it runs, no more."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from app import __version__
from app.cli import LazyCommand, main

PROBE = """
import sys
from app.cli import main
try:
    main({arguments!r}, prog_name="ninai")
except SystemExit as end:
    heavy = {{"litestar", "sqlalchemy", "numpy", "granian", "prometheus_client", "msgspec"}} & sys.modules.keys()
    print(end.code, sorted(heavy), file=sys.stderr)
"""


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_is_light(arguments: list[str]) -> None:
    """Asking for help imports neither a framework nor numpy."""
    probe = PROBE.format(arguments=arguments)

    ended = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)  # noqa: S603 - our own text

    assert ended.stderr == "0 []\n"


def test_a_command_is_light() -> None:
    """Checking the configuration opens no backend and no framework."""
    probe = PROBE.format(arguments=["config", "check"])

    ended = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, env={})  # noqa: S603 - our own text

    assert ended.stderr == "0 ['msgspec', 'numpy', 'prometheus_client']\n"


def test_help_lists_every_command() -> None:
    """The list is there without a single command being imported."""
    result = CliRunner().invoke(main, ["--help"])

    assert result.stdout.partition("Commands:\n")[2].splitlines() == [
        "  serve       Serve the HTTP API.",
        "  remember    Store a memory, and print its id.",
        "  recall      Find the memories that answer a question.",
        "  list        List memories.",
        "  forget      Delete memories for good.",
        "  config      Check and show the configuration.",
        "  db          Manage the database of the native provider.",
        "  journal     Inspect the journal, and have it take over stores.",
        "  providers   Show the state of a running service's providers.",
        "  doctor      Diagnose problems, and recommend remedies.",
        "  backup      Back up what this host holds, and verify backups.",
        "  restore     Restore a backup to an empty data folder.",
        "  erasure     Show receipts of erased users, and erase again what came back.",
        "  keys        Make, list, rotate, revoke and expire API keys.",
        "  export      Write the memories of a user to a file.",
        "  import      Store the memories of a file.",
        "  audit       Verify and search what was written down of requests.",
        "  quarantine  Hide what a key wrote, show what is hidden, and lift that.",
        "  mode        Show whether a running service takes writes, or set it.",
        "  usage       Show what users, keys or tenants ask, hold and may hold.",
        "  retention   Show what the rules of retention would erase.",
        "  webhooks    Show and try webhooks, and decide about what they gave up.",
        "  mcp         Speak the Model Context Protocol on standard input and output.",
        "  completion  Have a shell complete commands and options.",
    ]


def test_the_version_is_that_of_the_package() -> None:
    """`ninai --version` is one line."""
    assert CliRunner().invoke(main, ["--version"]).stdout == f"ninai, version {__version__}\n"


def test_an_unknown_command_is_a_usage_error() -> None:
    """A command that is not in the table does not exist."""
    result = CliRunner().invoke(main, ["confg"])

    assert result.exit_code == 2
    assert "No such command 'confg'" in result.stderr


def test_a_target_must_be_a_command() -> None:
    """A table that points at something else is a mistake of ours."""
    with pytest.raises(TypeError, match="app:__version__ is not a command"):
        LazyCommand("app:__version__", "").load()


def test_the_summaries_are_those_of_the_commands() -> None:
    """The table says of a command what its own help says."""
    context = click.Context(main)

    for name in ("config", "journal", "providers", "keys", "remember", "forget"):
        command = main.get_command(context, name)
        assert command is not None
        assert f"{name:<10}  {command.get_short_help_str(100)}" in CliRunner().invoke(main, ["--help"]).stdout
