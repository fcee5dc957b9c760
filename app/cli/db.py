"""`ninai db`: look after the schema of the native provider's database."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import click

from app.cli.database import embedded_server_for
from app.cli.loading import load_or_exit
from observability.logs import configure_logs
from providers.errors import ProviderError
from providers.native.opening import opened_schema
from providers.native.schema import Revision, Schema, SchemaState
from providers.native.settings import NativeSettings

EXIT_BEHIND = 1

T = TypeVar("T")


@click.group()
def db() -> None:
    """Look after the database of the native provider."""


@db.command()
@click.pass_obj
def upgrade(config_file: Path | None) -> None:
    """Bring the schema up to this version; may run on several replicas at once."""
    state = _on_schema(config_file, Schema.upgrade)
    click.echo(f"the schema is at {state.current}")


@db.command()
@click.pass_obj
def check(config_file: Path | None) -> None:
    """Tell where the schema stands; exit code 1 if it is behind this version."""
    state = _on_schema(config_file, Schema.state)
    click.echo(f"the schema is at {state.current or 'nothing yet'}, this version has {state.newest}")
    if not state.usable:
        raise SystemExit(EXIT_BEHIND)


@db.command()
@click.pass_obj
def history(config_file: Path | None) -> None:
    """List the steps of the schema, oldest first, and which of them the database has."""
    steps, state = _on_schema(config_file, _steps)
    for step in steps:
        click.echo(f"{step.id}  {'pending' if step.id in state.pending else 'applied'}  {step.title}")


async def _steps(schema: Schema) -> tuple[list[Revision], SchemaState]:
    return schema.history(), await schema.state()


def _on_schema(config_file: Path | None, work: Callable[[Schema], Awaitable[T]]) -> T:
    settings = load_or_exit(config_file).settings
    configure_logs(settings.log.format, settings.log.level)
    native = next(
        (one for one in map(settings.providers.__getitem__, settings.order) if isinstance(one, NativeSettings)), None
    )
    if native is None:
        raise click.ClickException("no provider in the order is of kind native")
    with embedded_server_for(settings):
        try:
            return asyncio.run(_work(native, settings.data_dir, work))
        except ProviderError as error:
            raise click.ClickException(str(error)) from error


async def _work(native: NativeSettings, data_dir: Path, work: Callable[[Schema], Awaitable[T]]) -> T:
    async with opened_schema(native, data_dir) as schema:
        return await work(schema)
