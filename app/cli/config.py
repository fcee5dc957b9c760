"""`ninai config`: check and show the configuration."""

import json
from pathlib import Path

import click

from app.cli.loading import load_or_exit
from app.settings import LoadedSettings
from app.settings.limits_in_force import limits_in_force


@click.group()
def config() -> None:
    """Check and show the configuration."""


@config.command()
@click.pass_obj
def check(config_file: Path | None) -> None:
    """Check whether the service could start with this configuration; exit code 2 if not."""
    loaded = load_or_exit(config_file)
    click.echo(f"ok: {loaded.file or 'no file, defaults and environment'}")


@config.command()
@click.option("--json", "as_json", is_flag=True, help='One object: {"path": {"value": ..., "origin": ...}}.')
@click.pass_obj
def show(config_file: Path | None, *, as_json: bool) -> None:
    """Show every setting and where it came from, then the resulting limits; secrets are masked."""
    loaded = load_or_exit(config_file)
    click.echo(_as_json(loaded) if as_json else _as_lines(loaded))


def _as_lines(loaded: LoadedSettings) -> str:
    settings = (
        f"{leaf.path} = {'unset' if leaf.value is None else json.dumps(leaf.value)}  # {loaded.origins[leaf.path]}"
        for leaf in loaded.leaves()
    )
    limits = (
        f"# {limits.provider}, {limits.operation.value}: {limits.sentence}"
        for limits in limits_in_force(loaded.settings, loaded.origins)
    )
    return "\n".join([*settings, "# The resulting limits:", *limits])


def _as_json(loaded: LoadedSettings) -> str:
    listed = {leaf.path: {"value": leaf.value, "origin": str(loaded.origins[leaf.path])} for leaf in loaded.leaves()}
    for limits in limits_in_force(loaded.settings, loaded.origins):
        path = f"limits.{limits.provider}.{limits.operation.value}"
        listed[f"{path}.deadline"] = {"value": limits.deadline, "origin": limits.deadline_from}
        listed[f"{path}.try_limit"] = {"value": limits.try_limit, "origin": limits.try_limit_from}
    return json.dumps(listed, indent=2)
