"""The database that a command works on: the configured one, or the embedded server for as long as it takes."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from app.settings import Settings
from providers.native.embedded import EmbeddedServer, EmbeddedServerError
from providers.native.settings import NativeSettings


@contextmanager
def embedded_server_for(settings: Settings) -> Iterator[EmbeddedServer | None]:
    """Run the embedded PostgreSQL if a provider in the order needs it.

    Raises:
        click.ClickException: it cannot be started; the message says what to do.
    """
    chosen = [settings.providers[name] for name in settings.order]
    if not any(isinstance(one, NativeSettings) and one.dsn is None for one in chosen):
        yield None
        return
    try:
        with EmbeddedServer(settings.data_dir / "postgres").running() as server:
            yield server
    except EmbeddedServerError as error:
        raise click.ClickException(str(error)) from error
