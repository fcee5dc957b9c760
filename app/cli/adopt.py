"""`ninai journal adopt`: have the journal take over the stores of the order, after one of them was lost or replaced."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager

import click

from app.cli import options
from app.cli.database import database_for
from app.cli.loading import ConfigProblem, exit_on
from app.cli.reached_stores import opened_links
from app.process.host import offline_host
from app.process.installation import Installation
from app.settings import Settings
from observability.logs import configure_logs
from providers.chain.stores.adopting import AdoptedStore, Adopter, Adoption
from providers.chain.stores.registrar import Registrar
from providers.errors import Unavailable
from providers.journal.base import Journal, NoJournal
from providers.journal.kind import JournalKind


@click.command()
@click.option("--yes", is_flag=True, help="Do it; without this option the command only says what it would do.")
@click.option(
    "--other-installation",
    is_flag=True,
    help="Also a journal of another installation: what it holds is shown to our users and written to our stores.",
)
@options.with_settings
def adopt(settings: Settings, *, yes: bool, other_installation: bool) -> None:
    """Have the journal take over the stores of the order, while no service runs over them, on any host.

    For stores that belong to a journal that is gone, and for a journal that was brought back and knows other stores.
    No store counts as complete afterwards. The next start merges those that hold something, and serves meanwhile from
    one of them, with answers that are marked: of each memory the newest version stays, and what one of them knows as
    deleted is deleted everywhere. A journal that is gone is begun anew. What only the former one held is lost.
    """
    chosen = _journal_for(settings)
    configure_logs(settings.log.format, "error")
    if (left_open := chosen.left_open(settings.data_dir)) is not None:
        raise click.ClickException(left_open)
    with ExitStack() as databases, exit_on(Unavailable):
        for name in settings.order:
            databases.enter_context(database_for(settings, name, make=False))
        asyncio.run(_adopted(settings, chosen, yes=yes, other_installation=other_installation))


def _journal_for(settings: Settings) -> JournalKind:
    """Return the journal; `ConfigProblem` if there is none, and none is begun for this order."""
    chosen, alone = settings.journal.resolved(), len(settings.order) == 1
    if chosen is None or (alone and not settings.journal.always(settings.data_dir)):
        raise ConfigProblem(settings.journal.missing(settings.data_dir, alone=alone) or "there is no journal")
    return chosen


async def _adopted(settings: Settings, chosen: JournalKind, *, yes: bool, other_installation: bool) -> None:
    installation = Installation.of(settings)
    async with AsyncExitStack() as stack:
        journal = await stack.enter_async_context(_opened(settings, chosen, yes=yes))
        links = await opened_links(settings, stack)
        adopter = Adopter(Registrar(journal, installation.id(), keep=installation.keep), links)
        plan = await adopter.plan()
        for line in _in_words(plan):
            click.echo(line)
        if plan.foreign is not None and not other_installation:
            raise click.ClickException(
                f"the journal belongs to another installation, {plan.foreign}: say --other-installation if all that it"
                " holds is meant to be shown here"
            )
        if not yes:
            raise click.UsageError("nothing is changed yet: stop every service over these stores, and say --yes")
        await adopter.adopt(plan)
    click.echo("adopted: start the service, and `ninai providers --watch` shows how the stores are merged")


@asynccontextmanager
async def _opened(settings: Settings, chosen: JournalKind, *, yes: bool) -> AsyncIterator[Journal]:
    """Hold the journal open; one that is made to look at would be left behind."""
    host = offline_host("journal", settings.data_dir)
    try:
        async with chosen.open(host) if yes else chosen.opened_to_look(host, alone=False) as journal:
            yield journal
    except NoJournal as error:
        raise click.UsageError(f"{error}, or this command does: say --yes if a new one is meant") from error


def _in_words(plan: Adoption) -> Iterator[str]:
    yield f"journal {plan.journal} takes over {len(plan.stores)} {'store' if len(plan.stores) == 1 else 'stores'}:"
    for store in plan.stores:
        yield f"  {store.provider}: {'; '.join(_facts(store))}"
    for name in plan.left:
        yield f"  {name} is a member of the journal and not in the order: it stays incomplete"


def _facts(store: AdoptedStore) -> Iterator[str]:
    yield "holds memories" if store.holds else "is empty"
    if store.known:
        yield "is known to the journal"
    if store.replaces:
        yield "is another store than the one the journal knows by this name"
    if store.former is not None:
        yield f"belonged to journal {store.former}"
    if store.pending:
        yield "what that journal may have held for it is lost"
