"""`ninai journal`: inspect the journal, and decide about dead letters, whether the service runs or not."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import click
from msgspec import Struct, structs

from app.admin.loss import loss_of
from app.cli import options
from app.cli.adopt import adopt
from app.cli.loading import exit_on
from app.cli.tables import show, table
from app.process.host import offline_host
from app.process.lost_journal import WAY_ON, lost_journal
from app.settings import Settings
from observability.counted import counted
from observability.logs import configure_logs
from providers.errors import Misconfigured
from providers.journal.base import Journal, JournalUnavailable, NoJournal
from providers.journal.operations import Backlog, DeadLetter, Member, PendingDelivery
from providers.timing.durations import span

_MAX_SEQ = 2**53 - 1
_SEQ = click.IntRange(1, _MAX_SEQ)

T = TypeVar("T")


class JournalReport(Struct, frozen=True, kw_only=True):
    """Hold a journal in numbers, with its members."""

    id: str
    operations: int
    tombstones: int
    last_seq: int
    backlogs: tuple[Backlog, ...]
    members: list[Member]


@click.group()
def journal() -> None:
    """Inspect the journal, and have it take over stores."""


journal.add_command(adopt)


_limit = click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="Operations shown.")
_after = click.option("--after", type=click.IntRange(0, _MAX_SEQ), default=0, help="Only operations after this number.")


@journal.command()
@options.as_json
@options.with_settings
def status(settings: Settings, *, as_json: bool) -> None:
    """Count what the journal holds, and what each provider has not confirmed."""
    show(on_journal(settings, _report), _in_words, as_json=as_json)


@journal.command()
@click.option("--provider", help="Only what this provider has not confirmed.")
@_limit
@_after
@options.as_json
@options.with_settings
def pending(settings: Settings, provider: str | None, limit: int, after: int, *, as_json: bool) -> None:
    """List the deliveries that are still pending, oldest first."""
    deliveries = on_journal(settings, lambda opened: opened.pending(limit, provider=provider, after=after))
    show(deliveries, _deliveries, as_json=as_json)


@journal.command()
@_limit
@_after
@options.as_json
@options.with_settings
def dead(settings: Settings, limit: int, after: int, *, as_json: bool) -> None:
    """List the deliveries that were given up, oldest first."""
    letters = on_journal(settings, lambda opened: opened.dead(limit, after=after))
    show(letters, _letters, as_json=as_json)


@journal.command()
@click.argument("seq", type=_SEQ)
@click.argument("provider")
@options.with_settings
def retry(settings: Settings, seq: int, provider: str) -> None:
    """Make the dead letter of operation SEQ due at PROVIDER again; exit code 1 if there is none."""

    async def work(opened: Journal) -> None:
        await _letter(opened, seq, provider)
        if not await opened.retry(seq, provider):
            raise _no_letter(seq, provider)

    on_journal(settings, work)
    click.echo(f"operation {seq} is due at {provider}")


@journal.command()
@click.argument("seq", type=_SEQ)
@click.argument("provider")
@click.option("--yes", is_flag=True, help="Discard it; without this option the command only says what would be lost.")
@options.with_settings
def discard(settings: Settings, seq: int, provider: str, *, yes: bool) -> None:
    """Discard the dead letter of operation SEQ at PROVIDER for good; exit code 1 if there is none."""

    async def work(opened: Journal) -> None:
        letter = await _letter(opened, seq, provider)
        if not yes:
            raise click.UsageError(f"this {loss_of(letter)}; say --yes if that is meant")
        if not await opened.discard(seq, provider):
            raise _no_letter(seq, provider)

    on_journal(settings, work)
    click.echo(f"operation {seq} is discarded at {provider}")


@journal.command()
@options.with_settings
def upgrade(settings: Settings) -> None:
    """Bring the journal's tables up to this version, as the role that is configured.

    The service does so by itself, unless its role may not change tables. May run on several hosts at once.
    """
    click.echo(f"the tables of journal {on_journal(settings, _ready)} are as this version needs them")


async def _ready(opened: Journal) -> str:
    await opened.members()  # by then the steps that were missing have been taken
    return opened.id


async def _report(opened: Journal) -> JournalReport:
    found = structs.asdict(await opened.status())
    return JournalReport(id=opened.id, **found, members=await opened.members())


async def _letter(opened: Journal, seq: int, provider: str) -> DeadLetter:
    letters = await opened.dead(1, after=seq - 1)
    found = next((letter for letter in letters if (letter.seq, letter.provider) == (seq, provider)), None)
    if found is None:
        raise _no_letter(seq, provider)
    return found


def _no_letter(seq: int, provider: str) -> click.ClickException:
    return click.ClickException(f"operation {seq} has no dead letter for {provider!r}")


def _in_words(report: JournalReport) -> str:
    states = {member.name: member.state.value for member in report.members}
    rows = [
        (
            one.provider,
            states.get(one.provider, "?"),
            one.pending,
            one.dead,
            one.discarded,
            span(one.oldest_seconds),
        )
        for one in report.backlogs
    ]
    titles = ("provider", "state", "pending", "dead", "discarded", "oldest")
    return (
        f"journal {report.id}: {counted(report.operations, 'operation', 'operations')},"
        f" {report.tombstones} of them tombstones,"
        f" the last number is {report.last_seq}\n{table(titles, rows)}"
    )


def _letters(letters: list[DeadLetter]) -> str:
    return _listed(letters, "ago", [one.failed_at for one in letters]) if letters else "no dead letters"


def _deliveries(deliveries: list[PendingDelivery]) -> str:
    return _listed(deliveries, "age", [one.appended_at for one in deliveries]) if deliveries else "nothing is pending"


def _listed(listed: Sequence[DeadLetter | PendingDelivery], age: str, moments: Sequence[float]) -> str:
    """Draw deliveries; the column `age` has the time since the moment of each."""
    now = time.time()
    rows = [
        (one.seq, one.provider, one.kind, one.owner.label, one.memory_id, one.failures, span(now - moment), _error(one))
        for one, moment in zip(listed, moments, strict=True)
    ]
    return table(("seq", "provider", "kind", "user", "memory", "failures", age, "error"), rows)


def _error(one: DeadLetter | PendingDelivery) -> str:
    return f"{one.error} (discarded)" if isinstance(one, DeadLetter) and one.discarded else one.error


def on_journal(settings: Settings, work: Callable[[Journal], Awaitable[T]]) -> T:
    """Work on the journal beside the service, which may be running or not; a missing one is not created."""
    configure_logs(settings.log.format, settings.log.level)
    host = offline_host("journal", settings.data_dir)

    async def run() -> T:
        async with settings.journal.opened_to_look(host, alone=len(settings.order) == 1) as opened:
            return await work(opened)

    with exit_on(JournalUnavailable, Misconfigured):
        try:
            return asyncio.run(run())
        except NoJournal as error:
            lost = lost_journal(settings)
            raise click.ClickException(str(error) if lost is None else f"{lost}; {WAY_ON}") from error
