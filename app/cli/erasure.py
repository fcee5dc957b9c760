"""`ninai erasure`: the receipts of erased users, and erasing again what a restored store has got back."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import click
import msgspec

from app.cli import options
from app.cli.database import database_for
from app.cli.loading import ConfigProblem, exit_on
from app.cli.reached_stores import opened_links
from app.cli.tables import show, table
from app.erasure.schemas import ErasureResponse, receipt_of
from app.process.erasure_file import erasure_file
from app.process.host import offline_host
from app.settings import Settings
from app.settings.errors import quoted
from observability.logs import configure_logs
from providers.chain.erasing.replaying import Replay, learn, replay
from providers.erasure.fences import Fence, FenceList
from providers.erasure.records import MAX_ERASURES
from providers.errors import ProviderError
from providers.journal.base import Journal, NoJournal

T = TypeVar("T")


class NoErasures(Exception):
    """Signal that nobody was erased here so far."""


@click.group()
def erasure() -> None:
    """Show the receipts of erased users, and erase again what was restored."""


@erasure.command("list")
@click.option(
    "--limit", type=click.IntRange(1, MAX_ERASURES), default=100, show_default=True, help="Erasures that are listed."
)
@click.option("--fences", is_flag=True, help="List what keeps users erased, as JSON, for `replay --from`.")
@options.as_json
@options.with_settings
def list_erasures(settings: Settings, limit: int, *, fences: bool, as_json: bool) -> None:
    """List erasures, the newest first, whether the service runs or not."""

    async def receipts(records: Journal) -> list[ErasureResponse]:
        return [receipt_of(one) for one in await records.erasures(limit)]

    if fences:
        click.echo(msgspec.json.encode(_on_records(settings, _fences, list[Fence]())).decode())
    else:
        show(_on_records(settings, receipts, list[ErasureResponse]()), _in_words, as_json=as_json)


@erasure.command("show")
@click.argument("erasure_id")
@options.with_settings
def show_erasure(settings: Settings, erasure_id: str) -> None:
    """Show the receipt of an erasure, as JSON; exit code 1 if there is none of this id."""

    async def found(records: Journal) -> ErasureResponse | None:
        one = await records.erasure(erasure_id)
        return None if one is None else receipt_of(one)

    receipt = _on_records(settings, found, None)
    if receipt is None:
        raise click.ClickException(f"there is no erasure {erasure_id!r}")
    click.echo(msgspec.json.format(msgspec.json.encode(receipt)).decode())


@erasure.command("replay")
@click.argument("names", nargs=-1, metavar="[PROVIDER]...")
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="First learn the fences in this file, which `ninai erasure list --fences` has written.",
)
@options.as_json
@options.with_settings
def replay_erasures(settings: Settings, names: tuple[str, ...], source: Path | None, *, as_json: bool) -> None:
    """Erase again what stores have got back of erased users, by default all of the order.

    The service does so by itself at its start, and when a store turns out to be another one. Run this where a backup
    was put back under a running service; with `--from` where the journal was put back as well.
    """
    for name in names:
        if name not in settings.order:
            raise ConfigProblem(f"{quoted([name])} is not in the order, which is: {', '.join(settings.order)}")
    configure_logs(settings.log.format, "error")
    learned = [] if source is None else _read(source)
    with ExitStack() as databases, exit_on(ProviderError, NoErasures):
        for name in settings.order:
            databases.enter_context(database_for(settings, name, make=False))
        replays = asyncio.run(_replayed(settings, names, learned))
    show(replays, _of_replays, as_json=as_json)


async def _replayed(settings: Settings, names: tuple[str, ...], learned: list[Fence]) -> list[Replay]:
    async with AsyncExitStack() as stack:
        records = await stack.enter_async_context(_records(settings, create=bool(learned)))
        links = [link for link in await opened_links(settings, stack) if not names or link.name in names]
        await records.add_fences(learned)
        fences = FenceList()
        fences.add(await _fences(records))
        for link in links:  # each may know what the others have forgotten
            await learn(link, records, fences)
        return [await replay(link, fences) for link in links]


async def _fences(records: Journal) -> list[Fence]:
    found: list[Fence] = []
    last = 0
    while (told := await records.fences(last)).fences:
        found += told.fences
        last = told.last
    return found


def _read(source: Path) -> list[Fence]:
    try:
        return msgspec.json.decode(source.read_bytes(), type=list[Fence])
    except (msgspec.DecodeError, OSError) as error:
        raise click.ClickException(f"{source}: {error}") from error


@asynccontextmanager
async def _records(settings: Settings, *, create: bool = False) -> AsyncIterator[Journal]:
    """Open who keeps erasures beside the service, which may be running or not."""
    async with AsyncExitStack() as stack:
        host = offline_host("journal", settings.data_dir)
        alone = len(settings.order) == 1
        try:
            records = await stack.enter_async_context(settings.journal.opened_to_look(host, alone=alone))
        except NoJournal as error:
            file = erasure_file(settings.data_dir)
            if not file.exists() and not create:
                raise NoErasures("nobody was erased here so far") from error
            records = await stack.enter_async_context(file.opened())
        yield records


def _on_records(settings: Settings, work: Callable[[Journal], Awaitable[T]], absent: T) -> T:
    configure_logs(settings.log.format, settings.log.level)

    async def run() -> T:
        async with _records(settings) as records:
            return await work(records)

    with exit_on(ProviderError):
        try:
            return asyncio.run(run())
        except NoErasures:
            return absent


def _in_words(receipts: list[ErasureResponse]) -> str:
    if not receipts:
        return "nobody was erased here so far"
    rows = [
        (
            one.erasure_id,
            one.status,
            _shown(one.requested_at),
            _shown(one.erased_at),
            sum(store.states for store in one.stores),
            ", ".join(store.provider for store in one.stores if store.status == "pending"),
        )
        for one in receipts
    ]
    return table(("erasure", "status", "requested", "erased", "states", "waits for"), rows)


def _of_replays(replays: list[Replay]) -> str:
    rows = [(one.provider, one.fences, one.owners, one.states) for one in replays]
    return table(("provider", "fences", "users again", "states removed"), rows)


def _shown(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat(timespec="seconds")
