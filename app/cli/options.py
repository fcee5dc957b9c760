"""Options that several commands share."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path

import click

from app.cli.loading import load_or_exit

as_json = click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
own_config_file = click.option(
    "--config",
    "own_config_file",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="TOML file to read, as `ninai --config PATH`.",
)
data_dir = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the service's data, if it is started with one.",
)


def in_data_dir(folder: Path | None) -> dict[str, object]:
    """Return the settings that `--data-dir` overrides."""
    return {"data_dir": None if folder is None else str(folder.resolve())}


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Pass the settings to a command as its first argument; `--data-dir`, which it takes with this, overrides them."""

    @data_dir
    @click.pass_obj
    @wraps(command)
    def loaded(config_file: Path | None, /, *, data_dir: Path | None, **arguments: object) -> None:
        command(load_or_exit(config_file, in_data_dir(data_dir)).settings, **arguments)

    return loaded
