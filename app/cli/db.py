"""`ninai db`: manage the databases of native providers; here their schema, in `maintenance.py` their servers."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TypeVar

import click

from app.cli import options
from app.cli.database import database_for
from app.cli.loading import load_or_exit
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
@options.data_dir
@click.pass_obj
def upgrade(config_file: Path | None, name: str | None, data_dir: Path | None) -> None:
    """Bring the schema of a native provider up to this version, the first one's by default.

    May run on several replicas at once.
    """
    state = _on_schema(config_file, name, data_dir, lambda schema: schema.upgrade(), make=True)
    click.echo(f"the schema is at {state.current}")


@db.command()
@_name
@options.data_dir
@click.pass_obj
def check(config_file: Path | None, name: str | None, data_dir: Path | None) -> None:
    """Show the version of a schema; exit code 1 if it is behind this version, or if there is no database yet."""
    state = _on_schema(config_file, name, data_dir, lambda schema: schema.state(), make=False)
    click.echo(f"the schema is at {state.current or 'nothing yet'}, this version has {state.newest}")
    if not state.usable:
        raise SystemExit(EXIT_BEHIND)


@db.command()
@_name
@options.data_dir
@click.pass_obj
def history(config_file: Path | None, name: str | None, data_dir: Path | None) -> None:
    """List the steps of a schema, oldest first, and which of them the database has."""
    steps, state = _on_schema(config_file, name, data_dir, _steps, make=False)
    for step in steps:
        click.echo(f"{step.id}  {'pending' if step.id in state.pending else 'applied'}  {step.title}")


async def _steps(schema: Migrations) -> tuple[list[Revision], SchemaState]:
    return schema.history(), await schema.state()


def _on_schema(
    config_file: Path | None,
    name: str | None,
    data_dir: Path | None,
    work: Callable[[Migrations], Awaitable[T]],
    *,
    make: bool,
) -> T:
    settings = load_or_exit(config_file, options.in_data_dir(data_dir)).settings
    configure_logs(settings.log.format, settings.log.level)
    name, migrations = _chosen(settings, name)
    with database_for(settings, name, make=make):
        try:
            return asyncio.run(_work(migrations, work))
        except ProviderError as error:
            raise click.ClickException(str(error)) from error


def _chosen(settings: Settings, name: str | None) -> tuple[str, AbstractAsyncContextManager[Migrations]]:
    """Return a native provider and its schema, by default the first in the order.

    Raises:
        click.ClickException: there is no such provider.
    """
    for one in settings.order if name is None else [name]:
        provider = settings.providers.get(one)
        if provider is None:
            continue
        migrations = provider.migrations(offline_host(one, settings.data_dir))
        if migrations is not None:
            return one, migrations
    raise click.ClickException(
        "no provider in the order is of kind native" if name is None else f"no provider {name} of kind native"
    )


async def _work(migrations: AbstractAsyncContextManager[Migrations], work: Callable[[Migrations], Awaitable[T]]) -> T:
    async with migrations as schema:
        return await work(schema)
