"""`ninai forget`: delete memories."""

from urllib.parse import urlencode

import click
import msgspec
from msgspec import Struct

from app.cli import options
from app.cli.memories.caller import CallerOfService
from app.cli.memories.options import as_caller, conditions, given
from app.cli.tables import show
from providers.limits import MAX_BATCH

_FAILED = 1


class _Forgotten(Struct, frozen=True):
    deleted: int
    failed: dict[str, str] = {}


class _Problem(Struct, frozen=True):
    detail: str = ""


class _Item(Struct, frozen=True):
    status: str
    problem: _Problem = _Problem()


class _Items(Struct, frozen=True):
    results: list[_Item]


class _Matching(Struct, frozen=True):
    matching: int


class _Deleted(Struct, frozen=True):
    deleted: int
    more: bool


@click.command()
@click.argument("memory_ids", nargs=-1, metavar="[ID]...")
@conditions
@click.option("--everything", is_flag=True, help="All memories of the user.")
@click.option("--yes", is_flag=True, help="Do not ask before memories that meet conditions are deleted.")
@as_caller
@options.as_json
def forget(
    caller: CallerOfService,
    memory_ids: tuple[str, ...],
    *,
    everything: bool,
    yes: bool,
    as_json: bool,
    **arguments: object,
) -> None:
    """Delete memories for good.

    These are the memories with the IDs, or, after a question, those that meet the conditions. The exit code is 1 if
    one of them could not be deleted.
    """
    wanted = given(arguments)
    if sum(map(bool, (memory_ids, wanted, everything))) != 1:
        raise click.UsageError("name memories, or conditions, or --everything: one of the three")
    forgotten = _each(caller, memory_ids) if memory_ids else _matching(caller, wanted, yes=yes)
    show(forgotten, _in_words, as_json=as_json)
    if forgotten.failed:
        raise SystemExit(_FAILED)


def _each(caller: CallerOfService, memory_ids: tuple[str, ...]) -> _Forgotten:
    failed: dict[str, str] = {}
    for start in range(0, len(memory_ids), MAX_BATCH):
        some = memory_ids[start : start + MAX_BATCH]
        told = caller.ask("POST", "/memory/delete/batch", _Items, {"memory_ids": some})
        for memory_id, item in zip(some, told.results, strict=True):
            if item.status == "failed":
                failed[memory_id] = item.problem.detail
    return _Forgotten(len(memory_ids) - len(failed), failed)


def _matching(caller: CallerOfService, wanted: dict[str, object], *, yes: bool) -> _Forgotten:
    """Ask how many there are, then the person, then delete them by the thousand."""
    texts = {
        name: text if isinstance(text, str) else msgspec.json.encode(text).decode() for name, text in wanted.items()
    }
    if not yes:
        query = urlencode({**texts, "dry_run": "true"})
        count = caller.ask("DELETE", f"/memory/memories?{query}", _Matching).matching
        if count == 0:
            return _Forgotten(0)
        click.confirm(f"Delete {count} {'memory' if count == 1 else 'memories'} for good?", abort=True, err=True)
    query = urlencode({**texts, "confirm": "matching" if wanted else "everything"})
    deleted = 0
    while True:
        told = caller.ask("DELETE", f"/memory/memories?{query}", _Deleted)
        deleted += told.deleted
        if not (told.more and told.deleted):
            return _Forgotten(deleted)


def _in_words(forgotten: _Forgotten) -> str:
    lines = [f"{memory_id}: {reason}" for memory_id, reason in forgotten.failed.items()]
    return "\n".join([*lines, f"{forgotten.deleted} deleted"])
