"""`ninai webhooks`: how far each webhook is, and the dead letters, whether the service runs or not."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import click
from msgspec import Struct

from app.cli import options
from app.cli.journal import on_journal
from app.cli.tables import show, table
from app.settings import Settings
from app.settings.webhooks import WebhookSettings
from app.webhooks.messages import trial_message
from app.webhooks.notes import HookLetter, HookState, discard, letters_of, make_due, place_of
from app.webhooks.posting import Outcome, Poster, PostResult
from observability.counted import counted
from providers.journal.base import Journal
from providers.owners import Owner
from providers.timing.durations import span

_SHOWN = 100  # dead letters, unless all are asked for as JSON

_name = click.argument("name")
_seqs = click.argument("seqs", type=click.IntRange(1, 2**53 - 1), nargs=-1)


class WebhookReport(Struct, frozen=True, kw_only=True):
    """A webhook: how far behind it is in seconds at most, None if it has not begun, and its dead letters."""

    name: str
    url: str
    state: HookState
    behind: float | None
    error: str
    lost: int
    dead: list[HookLetter]


@click.group()
def webhooks() -> None:
    """Show webhooks, try them, and decide about what they gave up."""


@webhooks.command("list")
@options.as_json
@options.with_settings
def list_webhooks(settings: Settings, *, as_json: bool) -> None:
    """Show every webhook that is configured, and the changes that it gave up, without any text of a memory."""

    async def work(opened: Journal) -> list[WebhookReport]:
        now = await opened.moment()
        return [await _report(opened, name, one, now) for name, one in settings.webhooks.items()]

    show(on_journal(settings, work) if settings.webhooks else [], _in_words, as_json=as_json)


@webhooks.command()
@_name
@options.with_settings
def test(settings: Settings, name: str) -> None:
    """Send a message of the type `webhook.test` to webhook NAME; exit code 1 if it is not taken."""
    attempt = asyncio.run(_tried(_chosen(settings, name)))
    if attempt.outcome is not Outcome.DELIVERED:
        raise click.ClickException(f"{name}: {attempt.reason}")
    click.echo(f"{name}: taken")


@webhooks.command()
@_name
@_seqs
@options.with_settings
def retry(settings: Settings, name: str, seqs: tuple[int, ...]) -> None:
    """Have webhook NAME send the dead letters SEQS again, or all; one that stopped because of a 410 goes on."""
    _chosen(settings, name)
    count = on_journal(settings, lambda opened: make_due(opened, name, frozenset(seqs) or None))
    click.echo(f"{name}: {count} dead letters are due")


@webhooks.command("discard")
@_name
@_seqs
@click.option("--yes", is_flag=True, help="Discard them; without this option the command only says how many there are.")
@options.with_settings
def discard_letters(settings: Settings, name: str, seqs: tuple[int, ...], *, yes: bool) -> None:
    """Discard the dead letters SEQS of webhook NAME for good, or all; its receiver is never told of these changes."""
    _chosen(settings, name)
    if not yes:
        found = on_journal(settings, lambda opened: letters_of(opened, name))
        count = sum(not seqs or one.seq in seqs for one in found)
        raise click.UsageError(f"{counted(count, 'change', 'changes')} would never be told; say --yes if that is meant")
    count = on_journal(settings, lambda opened: discard(opened, name, frozenset(seqs) or None))
    click.echo(f"{name}: {count} dead letters are discarded")


def _chosen(settings: Settings, name: str) -> WebhookSettings:
    if name not in settings.webhooks:
        known = ", ".join(settings.webhooks) or "none"
        raise click.UsageError(f"there is no webhook {name!r}; configured are: {known}")
    return settings.webhooks[name]


async def _tried(settings: WebhookSettings) -> PostResult:
    async with Poster.open() as poster:
        return await poster.post(settings, trial_message(datetime.now(UTC)))


async def _report(opened: Journal, name: str, settings: WebhookSettings, now: float) -> WebhookReport:
    place = await place_of(opened, name)
    behind = None if place.position is None else max(0.0, now - place.position.at)
    letters = await letters_of(opened, name)
    return WebhookReport(
        name=name,
        url=settings.url,
        state=place.state,
        behind=behind,
        error=place.error,
        lost=place.lost,
        dead=letters,
    )


def _in_words(reports: Sequence[WebhookReport]) -> str:
    if not reports:
        return "there are no webhooks"
    rows = [
        (one.name, one.state, "-" if one.behind is None else span(one.behind), len(one.dead), one.lost, one.error)
        for one in reports
    ]
    parts = [table(("webhook", "state", "behind", "dead", "lost", "error"), rows)]
    now = time.time()
    letters = [
        (
            one.name,
            dead.seq,
            Owner.of_key(dead.user_id).label,
            dead.memory_id,
            span(max(0.0, now - dead.at)),
            dead.error,
        )
        for one in reports
        for dead in one.dead[:_SHOWN]
    ]
    if letters:
        parts.append(table(("webhook", "seq", "user", "memory", "ago", "error"), letters))
    return "\n\n".join(parts)
