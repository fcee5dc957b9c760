"""Handing settings down to the worker processes, which read them again from the environment they inherit."""

import os
from collections.abc import Mapping
from pathlib import Path

from app.settings.environment import CONFIG_VARIABLE, PREFIX, process_environment

_FOLDER_VARIABLE = "NINAI_WORKERS_FOLDER"


def hand_down(config_file: Path | None, overrides: Mapping[str, object]) -> None:
    """Put the file and the command-line options into this process's environment.

    An option replaces the variable that sets the same, however that is spelled.
    """
    given = {path: str(value) for path, value in overrides.items() if value is not None}
    values = {PREFIX + path.upper().replace(".", "__"): text for path, text in given.items()}
    if config_file is not None:
        # Not resolved: a file that is replaced through its link must be found under the link's name.
        values[CONFIG_VARIABLE] = str(config_file.absolute())
    environment = os.environ  # noqa: TID251 - children inherit it; only this package touches it
    for name in [name for name in environment if name.upper() in values]:
        del environment[name]
    environment.update(values)


def hand_down_folder(folder: Path) -> None:
    """Hand the folder in which the workers find each other down to them."""
    os.environ[_FOLDER_VARIABLE] = str(folder)  # noqa: TID251 - as above


def handed_folder() -> Path | None:
    """Return the folder in which the workers find each other, None for a single process."""
    folder = process_environment().get(_FOLDER_VARIABLE)
    return None if folder is None else Path(folder)
