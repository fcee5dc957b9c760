"""`ninai db`: manage the databases of native providers; here their schema, in `maintenance.py` their servers."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

import click

from app.cli import options
from app.cli.database import database_for
from app.cli.loading import exit_on
from app.cli.maintenance import start, status, stop
from app.process.host import offline_host
from app.settings import Settings
from observability.logs import configure_logs
from providers.errors import ProviderError
from providers.migrations import Migrations, Revision, SchemaState

EXIT_BEHIND = 1

T = TypeVar("T")


@click.group()
def db() -> None:
    """Manage the databases of native providers."""


for _command in (stop, start, status):
    db.add_command(_command)

_name = click.argument("name", required=False)


@db.command()
@_name
@options.with_settings
def upgrade(settings: Settings, name: str | None) -> None:
    """Bring the schema of a native provider up to this version, the first one's by default.

    May run on several replicas at once.
    """
    state = _on_schema(settings, name, lambda schema: schema.upgrade(), make=True)
    click.echo(f"the schema is at {state.current}")


@db.command()
@_name
@options.with_settings
def check(settings: Settings, name: str | None) -> None:
    """Show the version of a schema; exit code 1 if it is behind this version, or if there is no database yet."""
    state = _on_schema(settings, name, lambda schema: schema.state(), make=False)
    click.echo(f"the schema is at {state.current or 'nothing yet'}, this version has {state.newest}")
    if not state.usable:
        raise SystemExit(EXIT_BEHIND)


@db.command()
@_name
@options.with_settings
def history(settings: Settings, name: str | None) -> None:
    """List the steps of a schema, oldest first, and which of them the database has."""
    steps, state = _on_schema(settings, name, _steps, make=False)
    for step in steps:
        click.echo(f"{step.id}  {'pending' if step.id in state.pending else 'applied'}  {step.title}")


async def _steps(schema: Migrations) -> tuple[list[Revision], SchemaState]:
    return schema.history(), await schema.state()


def _on_schema(settings: Settings, name: str | None, work: Callable[[Migrations], Awaitable[T]], *, make: bool) -> T:
    configure_logs(settings.log.format, settings.log.level)
    name, migrations = _chosen(settings, name)

    async def run() -> T:
        async with migrations as schema:
            return await work(schema)

    with database_for(settings, name, make=make), exit_on(ProviderError):
        return asyncio.run(run())


def _chosen(settings: Settings, name: str | None) -> tuple[str, AbstractAsyncContextManager[Migrations]]:
    """Return a native provider and its schema, by default the first in the order; `ClickException` if none is."""
    for one in settings.order if name is None else [name]:
        provider = settings.providers.get(one)
        if provider is None:
            continue
        migrations = provider.migrations(offline_host(one, settings.data_dir))
        if migrations is not None:
            return one, migrations
    missing = "provider in the order is" if name is None else f"provider {name}"
    raise click.ClickException(f"no {missing} of kind native")
