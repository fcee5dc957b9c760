"""`ninai journal`: inspect the journal, and retry or discard its dead letters, whether the service runs or not."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import click
import msgspec
from msgspec import Struct

from app.admin.loss import loss_of
from app.admin.offline import opened_journal
from app.cli import options
from app.cli.loading import load_or_exit
from app.cli.tables import table
from observability.logs import configure_logs
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
    """Inspect the journal, and retry or discard dead letters."""


_as_json = click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
_limit = click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="Operations shown.")
_after = click.option("--after", type=click.IntRange(0, _MAX_SEQ), default=0, help="Only operations after this number.")


@journal.command()
@_as_json
@options.data_dir
@click.pass_obj
def status(config_file: Path | None, data_dir: Path | None, *, as_json: bool) -> None:
    """Count what the journal holds, and what each provider has not confirmed."""
    report = _on_journal(config_file, data_dir, _report)
    click.echo(_in_json(report) if as_json else _in_words(report))


@journal.command()
@click.option("--provider", help="Only what this provider has not confirmed.")
@_limit
@_after
@_as_json
@options.data_dir
@click.pass_obj
def pending(
    config_file: Path | None, data_dir: Path | None, provider: str | None, limit: int, after: int, *, as_json: bool
) -> None:
    """List the deliveries that are still pending, oldest first."""
    deliveries = _on_journal(
        config_file, data_dir, lambda opened: opened.pending(limit, provider=provider, after=after)
    )
    click.echo(_in_json(deliveries) if as_json else _deliveries(deliveries))


@journal.command()
@_limit
@_after
@_as_json
@options.data_dir
@click.pass_obj
def dead(config_file: Path | None, data_dir: Path | None, limit: int, after: int, *, as_json: bool) -> None:
    """List the deliveries that were given up, oldest first."""
    letters = _on_journal(config_file, data_dir, lambda opened: opened.dead(limit, after=after))
    click.echo(_in_json(letters) if as_json else _letters(letters))


@journal.command()
@click.argument("seq", type=_SEQ)
@click.argument("provider")
@options.data_dir
@click.pass_obj
def retry(config_file: Path | None, data_dir: Path | None, seq: int, provider: str) -> None:
    """Make the dead letter of operation SEQ due at PROVIDER again; exit code 1 if there is none."""

    async def work(opened: Journal) -> None:
        await _letter(opened, seq, provider)
        if not await opened.retry(seq, provider):
            raise _no_letter(seq, provider)

    _on_journal(config_file, data_dir, work)
    click.echo(f"operation {seq} is due at {provider}")


@journal.command()
@click.argument("seq", type=_SEQ)
@click.argument("provider")
@click.option("--yes", is_flag=True, help="Discard it; without this option the command only says what would be lost.")
@options.data_dir
@click.pass_obj
def discard(config_file: Path | None, data_dir: Path | None, seq: int, provider: str, *, yes: bool) -> None:
    """Discard the dead letter of operation SEQ at PROVIDER for good; exit code 1 if there is none."""

    async def work(opened: Journal) -> None:
        letter = await _letter(opened, seq, provider)
        if not yes:
            raise click.UsageError(f"this {loss_of(letter)}; say --yes if that is meant")
        if not await opened.discard(seq, provider):
            raise _no_letter(seq, provider)

    _on_journal(config_file, data_dir, work)
    click.echo(f"operation {seq} is discarded at {provider}")


async def _report(opened: Journal) -> JournalReport:
    found = await opened.status()
    return JournalReport(
        id=opened.id,
        operations=found.operations,
        tombstones=found.tombstones,
        last_seq=found.last_seq,
        backlogs=found.backlogs,
        members=await opened.members(),
    )


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
            backlog.provider,
            states.get(backlog.provider, "?"),
            backlog.pending,
            backlog.dead,
            span(backlog.oldest_seconds),
        )
        for backlog in report.backlogs
    ]
    return (
        f"journal {report.id}: {report.operations} operations, {report.tombstones} of them tombstones,"
        f" the last number is {report.last_seq}\n{table(('provider', 'state', 'pending', 'dead', 'oldest'), rows)}"
    )


def _letters(letters: list[DeadLetter]) -> str:
    if not letters:
        return "no dead letters"
    now = time.time()
    rows = [
        (
            one.seq,
            one.provider,
            one.kind,
            one.user_id,
            one.memory_id,
            one.failures,
            span(now - one.failed_at),
            one.error,
        )
        for one in letters
    ]
    return table(("seq", "provider", "kind", "user", "memory", "failures", "ago", "error"), rows)


def _deliveries(deliveries: list[PendingDelivery]) -> str:
    if not deliveries:
        return "nothing is pending"
    now = time.time()
    rows = [
        (
            one.seq,
            one.provider,
            one.kind,
            one.user_id,
            one.memory_id,
            one.failures,
            span(now - one.appended_at),
            one.error,
        )
        for one in deliveries
    ]
    return table(("seq", "provider", "kind", "user", "memory", "failures", "age", "error"), rows)


def _in_json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _on_journal(config_file: Path | None, data_dir: Path | None, work: Callable[[Journal], Awaitable[T]]) -> T:
    settings = load_or_exit(config_file, options.in_data_dir(data_dir)).settings
    configure_logs(settings.log.format, settings.log.level)

    async def run() -> T:
        async with opened_journal(settings) as opened:
            return await work(opened)

    try:
        return asyncio.run(run())
    except (NoJournal, JournalUnavailable) as error:
        raise click.ClickException(str(error)) from error
