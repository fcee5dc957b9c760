"""`ninai db`: manage the databases of native providers, their schema as well as their embedded servers."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from textwrap import dedent
from typing import TypeVar

import click

from app.cli import options
from app.cli.database import as_its_user, database_for, has_never_run, is_embedded
from app.cli.loading import exit_on
from app.process.host import offline_host
from app.settings import Settings
from observability.logs import configure_logs
from providers.errors import ProviderError
from providers.migrations import Distributing, DistributionStep, Migrations, Revision, SchemaState
from providers.native.embedded import folder_of
from providers.native.embedded.maintenance import ServerState, ServerStatus, mark, status_of, unmark

EXIT_BEHIND = 1

T = TypeVar("T")


@click.group()
def db() -> None:
    """Manage the databases of native providers."""


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


@db.command()
@_name
@click.option("--lower", is_flag=True, help="Take it down: statements see every tenant again.")
@options.with_settings
def wall(settings: Settings, name: str | None, *, lower: bool) -> None:
    """Raise row-level security between tenants, as a role that owns the tables; it waits for statements under way."""
    state = _on_schema(settings, name, lambda schema: schema.wall(up=not lower), make=False)
    click.echo(f"row-level security is {'on' if state.up else 'off'}")


@db.command()
@_name
@click.option("--dry-run", is_flag=True, help="Print the statements, and make none of them.")
@options.with_settings
def distribute(settings: Settings, name: str | None, *, dry_run: bool) -> None:
    """Distribute the memories of a native provider over the nodes of Citus, by their owners.

    Ask its coordinator, as the role that owns the tables. What is done already is left alone.
    """
    started = time.monotonic()

    def begins(step: DistributionStep) -> None:
        click.echo(f"{time.monotonic() - started:7.1f} s  {step.title}")

    async def work(schema: Migrations) -> Distributing:
        return await schema.distribution() if dry_run else await schema.distribute(begins)

    plan = _on_schema(settings, name, work, make=False)
    for step in plan.steps:
        click.echo(f"-- {step.title}")
        for statement in step.statements:
            click.echo(f"{dedent(statement).strip()};")
    if not plan.steps:
        click.echo("the memories are distributed: nothing is left to do")
    for sentence in plan.advice:
        click.echo(f"note: {sentence}")


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


PATIENCE_SECONDS = 120.0  # a server writes all that it holds to disk before it stops
_POLL = 0.1


@db.command()
@_name
@options.with_settings
def stop(settings: Settings, name: str | None) -> None:
    """Stop the embedded server of a provider, the first one's by default; the service goes on without it.

    It stays stopped, also over a restart of the service, until `ninai db start`.
    """
    name, folder = _server(settings, name)
    with as_its_user():
        mark(folder)
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


@db.command()
@_name
@options.with_settings
def start(settings: Settings, name: str | None) -> None:
    """Start the embedded server of a provider again after `ninai db stop`, the first one's by default."""
    name, folder = _server(settings, name)
    with as_its_user():
        unmark(folder)
    server = _wait_until(
        folder, lambda now: now.marked or now.holder is None or now.state is ServerState.RUNNING, f"{name} to start"
    )
    if server.marked:
        raise click.ClickException(f"{name} was stopped again meanwhile")
    click.echo(f"{name} is running" if server.holder is not None else f"{name} starts with the next service")


@db.command()
@options.with_settings
def status(settings: Settings) -> None:
    """List the embedded servers: the provider, its state, the service that holds it, and where its data is."""
    for name in [name for name in settings.providers if is_embedded(settings, name)]:
        folder = folder_of(settings.data_dir, name)
        server = status_of(folder)
        holder = f"process {server.holder}" if server.holder else "no service"
        state = f"{server.state}, to stay down" if server.marked and server.holder is None else server.state
        click.echo(f"{name}  {state}  {holder}  {folder}")


def _server(settings: Settings, name: str | None) -> tuple[str, Path]:
    """Return a provider with an embedded server that has run, and the server's folder; `ClickException` if none is."""
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


def _wait_until(folder: Path, truth: Callable[[ServerStatus], bool], what: str) -> ServerStatus:
    """Wait until something is true of a server; `ClickException` if it takes too long."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not truth(server := status_of(folder)):
        if time.monotonic() > deadline:
            raise click.ClickException(f"waited {PATIENCE_SECONDS:.0f} s for {what}: see {folder / 'server.log'}")
        time.sleep(_POLL)
    return server
