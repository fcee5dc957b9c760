"""The settings of a command, and its end when they or what it needs cannot be used."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click

from app.settings import ConfigError, LoadedSettings, load
from app.settings.loading import NO_OVERRIDES

EXIT_CONFIG = 2


class ConfigProblem(click.ClickException):
    """End a command with one line on standard error and exit code 2."""

    exit_code = EXIT_CONFIG


@contextmanager
def exit_on(*errors: type[Exception], problem: type[click.ClickException] = click.ClickException) -> Iterator[None]:
    """End the command with the words of such an error."""
    try:
        yield
    except errors as error:
        raise problem(str(error)) from error


def load_or_exit(config_file: Path | None, overrides: Mapping[str, object] = NO_OVERRIDES) -> LoadedSettings:
    """Read the settings for a command; `overrides` are its options by the path of the setting, None if not given.

    Raises:
        ConfigProblem: they cannot be used.
    """
    with exit_on(ConfigError, problem=ConfigProblem):
        return load(config_file, overrides=overrides)
