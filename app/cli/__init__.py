"""`ninai`: the command line, whose commands are imported when they are called."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import click

from app import __version__


class LazyCommand(NamedTuple):
    """Name where a command is, `module:attribute`, and the line about it in the list of commands."""

    target: str
    summary: str

    def load(self) -> click.Command:
        """Import the command."""
        module, _, attribute = self.target.partition(":")
        command = getattr(import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self.target} is not a command")
        return command


class LazyGroup(click.Group):
    """Find commands in a table."""

    def __init__(self, *, table: Mapping[str, LazyCommand], **attributes: object) -> None:
        super().__init__(**attributes)  # type: ignore[arg-type] # what click's decorator passes on
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of the table."""
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import a command, None if there is no such command."""
        found = self._table.get(cmd_name)
        return None if found is None else found.load()

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        """Write the list of commands from the table: click's own would import every one for its summary."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.summary) for name, command in self._table.items()])


@click.group(
    cls=LazyGroup,
    table={
        "serve": LazyCommand("app.cli.serve:serve", "Serve the HTTP API."),
        "remember": LazyCommand("app.cli.memories.remember:remember", "Store a memory, and print its id."),
        "recall": LazyCommand("app.cli.memories.recall:recall", "Find the memories that answer a question."),
        "list": LazyCommand("app.cli.memories.listing:list_memories", "List memories."),
        "forget": LazyCommand("app.cli.memories.forget:forget", "Delete memories for good."),
        "config": LazyCommand("app.cli.config:config", "Check and show the configuration."),
        "db": LazyCommand("app.cli.db:db", "Manage the database of the native provider."),
        "journal": LazyCommand("app.cli.journal:journal", "Inspect the journal, and have it take over stores."),
        "providers": LazyCommand("app.cli.providers:providers", "Show the state of a running service's providers."),
        "doctor": LazyCommand("app.cli.doctor:doctor", "Diagnose problems, and recommend remedies."),
        "backup": LazyCommand("app.cli.backup:backup", "Back up what this host holds, and verify backups."),
        "restore": LazyCommand("app.cli.restore:restore", "Restore a backup to an empty data folder."),
        "erasure": LazyCommand(
            "app.cli.erasure:erasure", "Show receipts of erased users, and erase again what came back."
        ),
        "keys": LazyCommand("app.cli.keys:keys", "Make, list, rotate, revoke and expire API keys."),
        "export": LazyCommand("app.cli.exporting:export", "Write the memories of a user to a file."),
        "import": LazyCommand("app.cli.importing:import_", "Store the memories of a file."),
        "audit": LazyCommand("app.cli.audit:audit", "Verify and search what was written down of requests."),
        "quarantine": LazyCommand(
            "app.cli.quarantine:quarantine", "Hide what a key wrote, show what is hidden, and lift that."
        ),
        "mode": LazyCommand("app.cli.mode:mode", "Show whether a running service takes writes, or set it."),
        "usage": LazyCommand("app.cli.usage:usage", "Show what users, keys or tenants ask, hold and may hold."),
        "retention": LazyCommand("app.cli.retention:retention", "Show what the rules of retention would erase."),
        "webhooks": LazyCommand(
            "app.cli.webhooks:webhooks", "Show and try webhooks, and decide about what they gave up."
        ),
        "mcp": LazyCommand("app.cli.mcp:mcp", "Speak the Model Context Protocol on standard input and output."),
        "completion": LazyCommand("app.cli.completion:completion", "Have a shell complete commands and options."),
    },
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="TOML file to read; without it the one that NINAI_CONFIG names, else none.",
)
@click.version_option(__version__, prog_name="ninai")
@click.pass_context
def main(context: click.Context, config_file: Path | None) -> None:
    """Remember, recall, list and delete the memories of AI agents."""
    context.obj = config_file
