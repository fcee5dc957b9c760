"""`ninai audit`: verify what was written down of requests, and search it, whether the service runs or not."""

import heapq
from pathlib import Path

import click
import msgspec

from app.audit.entries import AuditEntry
from app.audit.searching import AuditSearch, search
from app.audit.verifying import Verification, heads_in_log, verify
from app.cli import options
from app.cli.key_times import PAST_MOMENT
from app.cli.loading import exit_on
from app.cli.tables import show, table
from app.settings import Settings
from observability.counted import counted
from providers.owners import Owner

EXIT_FAULTS = 1
_MOST_SHOWN = 1_000_000


@click.group()
def audit() -> None:
    """Verify and search what was written down of requests."""


@audit.command("verify")
@click.option(
    "--log",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, readable=True),
    multiple=True,
    help="A log of the service in JSON, whose lines audit_head are compared; may be repeated.",
)
@options.as_json
@options.with_settings
def verify_files(settings: Settings, log: tuple[Path, ...], *, as_json: bool) -> None:
    """Find what was changed, taken out, added or cut off; exit code 1 if anything was.

    Whoever may write all files can write them all anew: only a log that is kept elsewhere tells then.
    """
    with exit_on(OSError):
        known = [head for path in log for head in heads_in_log(path)]
        result = verify(settings.audit.folder(settings.data_dir), known)
    show(result, _in_words, as_json=as_json)
    if result.faults:
        raise SystemExit(EXIT_FAULTS)


@audit.command("search")
@click.option("--caller", help="The name of the key, or the id of the token.")
@click.option("--user", help="Whose memories were asked for.")
@click.option("--tenant", help="The tenant of that user.")
@click.option("--operation", help="Such as remember, recall, get, list_memories, update, delete, delete_all.")
@click.option("--memory", help="The id of a memory that was shown or changed.")
@click.option("--client", help="The address of the client.")
@click.option("--request", help="The id of the request.")
@click.option("--since", type=PAST_MOMENT, help="From this moment on: 2027-01-31T08:00Z, or 2h ago.")
@click.option("--until", type=PAST_MOMENT, help="Before this moment.")
@click.option("--refused", is_flag=True, help="Only what was answered with 400 and above.")
@click.option(
    "--limit", type=click.IntRange(1, _MOST_SHOWN), default=100, show_default=True, help="The newest so many."
)
@options.as_json
@options.with_settings
def search_files(settings: Settings, *, limit: int, as_json: bool, **conditions: object) -> None:
    """Show the newest requests that meet every condition, oldest first."""
    wanted = msgspec.convert(conditions, AuditSearch)
    with exit_on(OSError):
        found = search(settings.audit.folder(settings.data_dir), wanted)
        newest = heapq.nlargest(limit, found, key=lambda entry: entry.at)
    show(newest[::-1], _listed, as_json=as_json)


def _in_words(result: Verification) -> str:
    head = (
        f"{counted(result.entries, 'entry', 'entries')} in {counted(result.files, 'file', 'files')}"
        f" of {counted(result.chains, 'chain', 'chains')},"
        f" {counted(result.heads, 'note', 'notes')} of where a chain ended"
    )
    lines = [head]
    if result.lost:
        lines.append(f"{counted(result.lost, 'request', 'requests')} could not be written when they ended")
    if result.faults:
        lines += ["", table(("file", "line", "fault"), [(one.file, one.line, one.detail) for one in result.faults])]
    else:
        lines.append("all of it is as it was written")
    return "\n".join(lines)


def _listed(entries: list[AuditEntry]) -> str:
    if not entries:
        return "nothing was found"
    rows = [
        (
            entry.at,
            entry.caller or "-",
            entry.client or "-",
            f"{entry.method} {entry.route}",
            entry.status or 0,
            entry.refused or "-",
            ", ".join(Owner(owner.user, owner.tenant).label for owner in entry.owners),
            ", ".join(f"{deed.operation} {deed.outcome} {deed.count}" for deed in entry.deeds),
            entry.times,
        )
        for entry in entries
    ]
    return table(("at", "caller", "client", "request", "status", "refused", "users", "did", "times"), rows)
