"""`ninai`: the command line, whose commands are imported when they are called."""

from pathlib import Path

import click

from app import __version__
from app.cli.lazy import LazyCommand, LazyGroup


@click.group(
    cls=LazyGroup,
    table={
        "serve": LazyCommand("app.cli.serve:serve", "Serve the HTTP API."),
        "config": LazyCommand("app.cli.config:config", "Check and show the configuration."),
        "db": LazyCommand("app.cli.db:db", "Manage the database of the native provider."),
        "journal": LazyCommand("app.cli.journal:journal", "Inspect the journal, and retry or discard dead letters."),
        "providers": LazyCommand("app.cli.providers:providers", "Show the state of a running service's providers."),
        "doctor": LazyCommand("app.cli.doctor:doctor", "Diagnose problems, and recommend remedies."),
        "keys": LazyCommand("app.cli.keys:keys", "Make API keys."),
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
