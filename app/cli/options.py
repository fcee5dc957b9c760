"""Options that several commands share."""

from pathlib import Path

import click

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
