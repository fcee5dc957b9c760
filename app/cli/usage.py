"""`ninai usage`: what users, keys or tenants have asked of a running service, what they hold and may hold."""

from collections.abc import Iterator
from pathlib import Path
from shlex import quote
from urllib.parse import urlencode

import click
from msgspec import UnsetType

from app.cli import options
from app.cli.service_options import of_service, service_at
from app.cli.tables import show, shown, table
from app.http.usage_schemas import UsageEntry, UsageResponse
from observability.counted import counted
from providers.limits import MAX_LIST_LIMIT
from providers.owners import DEFAULT_TENANT, Owner

_PATH = "/admin/usage"
_SECONDS = 60.0  # for a page: a provider counts what its users hold
_ASKED = ("requests", "refused", "written")
_HELD = ("memories", "quota", "bytes", "quota")


@click.command()
@click.option("--by", type=click.Choice(["user", "key", "tenant"]), default="user", show_default=True, help="Whose.")
@click.option(
    "--limit", type=click.IntRange(1, MAX_LIST_LIMIT), default=MAX_LIST_LIMIT, show_default=True, help="Names shown."
)
@click.option("--after", help="Go on behind this name, which the page before ends with.")
@of_service
@options.as_json
def usage(url: str, key_file: Path | None, by: str, limit: int, after: str | None, *, as_json: bool) -> None:
    """Show what users, keys or tenants have asked of a running service, what they hold, and what they may hold.

    Requests are those to all hosts that share limits, else to the one that answers.
    """
    asked = {"by": by, "limit": limit} | ({} if after is None else {"after": after})
    page = service_at(url, key_file).get(
        f"{_PATH}?{urlencode(asked, errors='surrogatepass')}", UsageResponse, seconds=_SECONDS
    )
    show(page, _in_words, as_json=as_json)


def _in_words(page: UsageResponse) -> str:
    head = (page.by, *_ASKED) if page.by == "key" else (page.by, *_ASKED, *_HELD)
    rows = [_row(entry)[: len(head)] for entry in page.entries]
    return "\n".join([table(head, rows), *_remarks(page)])


def _row(entry: UsageEntry) -> tuple[str | int, ...]:
    tenant = DEFAULT_TENANT if isinstance(entry.tenant, UnsetType) else entry.tenant
    held = (entry.memories, entry.memories_quota, entry.bytes, entry.bytes_quota)
    asked = (entry.requests, entry.refused, entry.memories_written)
    return (Owner(entry.name, tenant).label, *asked, *("-" if isinstance(one, UnsetType) else one for one in held))


def _remarks(page: UsageResponse) -> Iterator[str]:
    """Yield what the numbers cover, and how to go on."""
    hosts = counted(page.hosts, "host", "hosts")
    yield f"requests to {hosts} since {page.since.isoformat(timespec='seconds')}"
    if page.others_unknown is True:
        yield "those to other hosts are not known: the Redis of limits.store does not answer"
    if page.by == "tenant" and isinstance(page.counted_at, UnsetType):
        yield "what tenants hold is being counted"
    if page.next_after is not None:
        yield f"there are more: --after {shown(quote(page.next_after))}"
