"""The database that a command works on: the configured one, or the embedded server for as long as it takes."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from app.settings import Settings
from providers.native.embedded import EmbeddedServer, EmbeddedServerError, folder_of
from providers.native.settings import NativeSettings


def is_embedded(settings: Settings, name: str) -> bool:
    """Whether the provider of this name lives in an embedded server."""
    provider = settings.providers.get(name)
    return isinstance(provider, NativeSettings) and provider.dsn is None


@contextmanager
def embedded_server_for(settings: Settings, name: str) -> Iterator[None]:
    """Run the embedded PostgreSQL of a provider, if that is where it lives.

    Raises:
        click.ClickException: it cannot be started; the message says what to do.
    """
    if not is_embedded(settings, name):
        yield
        return
    try:
        with EmbeddedServer(folder_of(settings.data_dir, name)).running():
            yield
    except EmbeddedServerError as error:
        raise click.ClickException(str(error)) from error
