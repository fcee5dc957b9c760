"""The settings of a command, and its end when they cannot be used."""

from collections.abc import Mapping
from pathlib import Path

import click

from app.settings import ConfigError, LoadedSettings, load
from app.settings.loading import NO_OVERRIDES

EXIT_CONFIG = 2


class ConfigProblem(click.ClickException):
    """End a command with one line on standard error and exit code 2."""

    exit_code = EXIT_CONFIG


def load_or_exit(config_file: Path | None, overrides: Mapping[str, object] = NO_OVERRIDES) -> LoadedSettings:
    """Read the settings for a command; `overrides` are its options by the path of the setting, None if not given.

    Raises:
        ConfigProblem: they cannot be used.
    """
    try:
        return load(config_file, overrides=overrides)
    except ConfigError as error:
        raise ConfigProblem(str(error)) from error
