"""`ninai db stop`, `start` and `status`: stop embedded servers for maintenance while the service goes on."""

import time
from collections.abc import Callable
from pathlib import Path

import click

from app.cli import options
from app.cli.database import has_never_run, is_embedded
from app.cli.loading import load_or_exit
from app.settings import Settings
from providers.native.embedded import folder_of
from providers.native.embedded.maintenance import ServerState, ServerStatus, mark, status_of, unmark

PATIENCE_SECONDS = 120.0  # a server writes all that it holds to disk before it stops
_POLL = 0.1

_name = click.argument("name", required=False)


@click.command()
@_name
@options.data_dir
@click.pass_obj
def stop(config_file: Path | None, name: str | None, data_dir: Path | None) -> None:
    """Stop the embedded server of a provider, the first one's by default; the service goes on without it.

    It stays stopped, also over a restart of the service, until `ninai db start`.
    """
    name, folder = _chosen(config_file, name, data_dir)
    _change(lambda: mark(folder))
    server = _wait_until(
        folder,
        lambda now: not now.marked or now.state not in {ServerState.RUNNING, ServerState.STARTING},
        f"{name} to stop",
    )
    if not server.marked:
        raise click.ClickException(
            f"{name} is the only provider in the order, so the service cannot go on without it: stop the service"
        )
    service = "" if server.holder is not None else "; no service runs, and the next one starts without it"
    click.echo(f"{name} is stopped{service}")


@click.command()
@_name
@options.data_dir
@click.pass_obj
def start(config_file: Path | None, name: str | None, data_dir: Path | None) -> None:
    """Start the embedded server of a provider again after `ninai db stop`, the first one's by default."""
    name, folder = _chosen(config_file, name, data_dir)
    _change(lambda: unmark(folder))
    server = _wait_until(
        folder, lambda now: now.marked or now.holder is None or now.state is ServerState.RUNNING, f"{name} to start"
    )
    if server.marked:
        raise click.ClickException(f"{name} was stopped again meanwhile")
    click.echo(f"{name} is running" if server.holder is not None else f"{name} starts with the next service")


@click.command()
@options.data_dir
@click.pass_obj
def status(config_file: Path | None, data_dir: Path | None) -> None:
    """List the embedded servers: the provider, its state, the service that holds it, and where its data is."""
    settings = _settings(config_file, data_dir)
    for name in [name for name in settings.providers if is_embedded(settings, name)]:
        folder = folder_of(settings.data_dir, name)
        server = status_of(folder)
        holder = f"process {server.holder}" if server.holder else "no service"
        state = f"{server.state}, to stay down" if server.marked and server.holder is None else server.state
        click.echo(f"{name}  {state}  {holder}  {folder}")


def _settings(config_file: Path | None, data_dir: Path | None) -> Settings:
    return load_or_exit(config_file, options.in_data_dir(data_dir)).settings


def _chosen(config_file: Path | None, name: str | None, data_dir: Path | None) -> tuple[str, Path]:
    """Return a provider with an embedded server that has run, and the folder of that server.

    Raises:
        click.ClickException: there is no such provider.
    """
    settings = _settings(config_file, data_dir)
    embedded = [one for one in [*settings.order, *settings.providers] if is_embedded(settings, one)]
    if name is None and embedded:
        name = embedded[0]
    if name is None or name not in embedded:
        known = ", ".join(dict.fromkeys(embedded)) or "no provider"
        raise click.ClickException(f"{name or 'the configuration'} has no embedded server; {known} would have one")
    folder = folder_of(settings.data_dir, name)
    if status_of(folder).state is ServerState.ABSENT:
        raise has_never_run(name, folder)
    return name, folder


def _change(change: Callable[[], None]) -> None:
    try:
        change()
    except OSError as error:
        raise click.ClickException(
            f"{error.filename}: {error.strerror}; run this as the user of the service"
        ) from error


def _wait_until(folder: Path, truth: Callable[[ServerStatus], bool], what: str) -> ServerStatus:
    """Wait until something is true of a server.

    Raises:
        click.ClickException: it takes too long.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not truth(server := status_of(folder)):
        if time.monotonic() > deadline:
            raise click.ClickException(f"waited {PATIENCE_SECONDS:.0f} s for {what}: see {folder / 'server.log'}")
        time.sleep(_POLL)
    return server
