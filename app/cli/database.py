"""The database that a command works on: the configured one, or an embedded server that is used or started for it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from app.cli.loading import exit_on
from app.settings import Settings
from providers.native.embedded import EmbeddedServer, EmbeddedServerError, folder_of
from providers.native.embedded.maintenance import ServerState, status_of


def is_embedded(settings: Settings, name: str) -> bool:
    """Return whether the provider of this name lives in an embedded server."""
    provider = settings.providers.get(name)
    return provider is not None and provider.embedded


def has_never_run(name: str, folder: Path) -> click.ClickException:
    """Return the error that there is no embedded server to work on."""
    reason = f"the embedded server of {name} has never run: nothing is in {folder}"
    return click.ClickException(f"{reason}; --data-dir names another data folder")


@contextmanager
def as_its_user() -> Iterator[None]:
    """End the command where the system keeps it from the files of the service."""
    try:
        yield
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}; run this as the user of the service"
        raise click.ClickException(reason) from error


def check_owner(data_dir: Path) -> None:
    """End the command where its files would belong to another user than those of the service."""
    if data_dir.exists() and (owner := data_dir.stat().st_uid) != os.geteuid():
        raise click.ClickException(f"{data_dir} belongs to user {owner}: run this as the user of the service")


@contextmanager
def database_for(settings: Settings, name: str, *, make: bool = True) -> Iterator[None]:
    """Use the embedded server that a running service holds, or run it for the command.

    `make` says whether a server that has never run is created.

    Raises:
        click.ClickException: the server is not available; the message says what to do.
    """
    if not is_embedded(settings, name):
        yield
        return
    folder = folder_of(settings.data_dir, name)
    with as_its_user():
        status = status_of(folder)
    if status.state is ServerState.ABSENT and not make:
        raise has_never_run(name, folder)
    if status.holder is None:
        with exit_on(EmbeddedServerError), EmbeddedServer(folder).running():
            yield
    elif status.state is ServerState.RUNNING:
        yield
    else:
        raise click.ClickException(f"the embedded server of {name} is {status.state}: run `ninai db start {name}`")
