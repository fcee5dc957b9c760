"""`ninai list`: list memories."""

import click
from msgspec import Struct

from app.cli import options
from app.cli.memories.caller import CallerOfService
from app.cli.memories.options import as_caller, conditions, given
from app.cli.memories.shown import memories_in_words
from app.cli.tables import show
from providers.limits import MAX_PAGE_LIMIT

_FEW = 20


class _Page(Struct, frozen=True):
    memories: list[dict[str, object]]
    next_cursor: str | None = None


class _Listed(Struct, frozen=True):
    memories: list[dict[str, object]]
    count: int
    more: bool


@click.command("list")
@click.option("--limit", type=click.IntRange(1), default=_FEW, show_default=True, help="How many memories at most.")
@click.option("--all", "everything", is_flag=True, help="All memories, however many.")
@click.option("--order", type=click.Choice(["newest", "oldest"]), help="Which comes first; by default the newest.")
@conditions
@as_caller
@options.as_json
def list_memories(caller: CallerOfService, *, limit: int, everything: bool, as_json: bool, **arguments: object) -> None:
    """List memories from newest to oldest, those that meet the conditions."""
    show(_listed(caller, given(arguments), None if everything else limit), _in_words, as_json=as_json)


def _listed(caller: CallerOfService, wanted: dict[str, object], limit: int | None) -> _Listed:
    """Read page after page, until there are enough or no more."""
    memories: list[dict[str, object]] = []
    cursor: dict[str, str] = {}
    while True:
        most = MAX_PAGE_LIMIT if limit is None else min(limit - len(memories), MAX_PAGE_LIMIT)
        page = caller.ask("POST", "/memory/list", _Page, {**wanted, "limit": most, **cursor})
        memories += page.memories
        if page.next_cursor is None or len(memories) == limit:
            return _Listed(memories, len(memories), page.next_cursor is not None)
        cursor = {"cursor": page.next_cursor}


def _in_words(listed: _Listed) -> str:
    words = memories_in_words(listed.memories)
    return f"{words}\nthere are more: pass a larger --limit, or --all" if listed.more else words
