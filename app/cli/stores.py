"""`ninai providers diff` and `ninai providers merge`: how stores differ, and their way to one state."""

from collections import Counter
from collections.abc import Iterator

import click
from msgspec import Struct

from app.cli import options
from app.cli.reached_stores import Reach, ReachedStores, with_stores
from app.cli.tables import show, table
from observability.counted import counted
from providers.chain.comparing.comparison import Fault
from providers.chain.comparing.pages import MemoryDifference

EXIT_REFUSED = 1
_MOST_LISTED = 1_000


class DiffReport(Struct, frozen=True, kw_only=True):
    """How two stores differ; the fields are those of `DiffPage`, over all pages."""

    first: str
    second: str
    users: int
    live: dict[str, int]
    deleted: dict[str, int]
    differing: dict[str, dict[str, int]]
    waiting: int
    differences: list[MemoryDifference]
    more: int


class MergeReport(Struct, frozen=True, kw_only=True):
    """What a merge has done; the fields are those of `MergePage`, over all pages."""

    provider: str
    users: int = 0
    put: int = 0
    deleted: int = 0
    waiting: int = 0
    refused: int = 0
    left: int = 0
    versions: int = 0


@click.command()
@click.argument("first")
@click.argument("second")
@click.option(
    "--limit", type=click.IntRange(0, _MOST_LISTED), default=20, show_default=True, help="Memories that are listed."
)
@options.as_json
@with_stores
def diff(reach: Reach, first: str, second: str, limit: int, *, as_json: bool) -> None:
    """Show how the stores of two providers differ: counts, then ids, never texts."""
    if first == second:
        raise click.UsageError("these are one provider")

    async def compare(stores: ReachedStores) -> DiffReport:
        return await _compared(stores, first, second, limit)

    show(reach.run((first, second), compare), _differences, as_json=as_json)


@click.command()
@click.argument("name")
@options.as_json
@with_stores
def merge(reach: Reach, name: str, *, as_json: bool) -> None:
    """Bring the store of a provider and the complete ones to the same state.

    Of each memory the newest version goes to all of them; what one of them knows as deleted is deleted everywhere. A
    merge that was broken off goes on when it is begun again. Exit code 1 if a store has refused memories.
    """

    async def work(stores: ReachedStores) -> MergeReport:
        return await _merged(stores, name)

    try:
        report = reach.run((name,), work)
    except KeyboardInterrupt:
        click.echo("what is merged stays merged; run the same command again to go on", err=True)
        raise
    show(report, _result, as_json=as_json)
    if report.refused:
        raise SystemExit(EXIT_REFUSED)


async def _compared(stores: ReachedStores, first: str, second: str, limit: int) -> DiffReport:
    live, deleted = Counter({first: 0, second: 0}), Counter({first: 0, second: 0})
    differing: dict[str, Counter[str]] = {first: Counter(), second: Counter()}
    users = waiting = more = 0
    listed: list[MemoryDifference] = []
    after: str | None = None
    while True:
        page = await stores.diff(first, second, after, limit - len(listed))
        live.update(page.live)
        deleted.update(page.deleted)
        for name, counts in page.differing.items():
            differing[name].update(counts)
        users, waiting, more = users + page.users, waiting + page.waiting, more + page.more
        listed += page.differences
        after = page.next_after
        if after is None:
            break
        click.echo(f"{counted(users, 'user', 'users')} compared", err=True)
    return DiffReport(
        first=first,
        second=second,
        users=users,
        live=dict(live),
        deleted=dict(deleted),
        differing={name: dict(counts) for name, counts in differing.items()},
        waiting=waiting,
        differences=listed,
        more=more,
    )


async def _merged(stores: ReachedStores, name: str) -> MergeReport:
    report = MergeReport(provider=name)
    after: str | None = None
    while True:
        page = await stores.merge(name, after)
        report = MergeReport(
            provider=name,
            users=report.users + page.users,
            put=report.put + page.put,
            deleted=report.deleted + page.deleted,
            waiting=report.waiting + page.waiting,
            refused=report.refused + page.refused,
            left=report.left + page.left,
            versions=report.versions + page.versions,
        )
        after = page.next_after
        if after is None:
            return report
        click.echo(f"{_done(report)}, {report.deleted} deleted", err=True)


def _differences(report: DiffReport) -> str:
    head = ("provider", "memories", "tombstones", *(kind.value for kind in Fault))
    rows = [
        (name, report.live[name], report.deleted[name], *(report.differing[name].get(kind.value, 0) for kind in Fault))
        for name in (report.first, report.second)
    ]
    return "\n".join([table(head, rows), *_details(report)])


def _details(report: DiffReport) -> Iterator[str]:
    """Yield what comes below the counts."""
    if report.differences:
        names = (report.first, report.second)
        rows = [
            (
                one.owner.label,
                one.memory_id,
                *(one.faults.get(name, "-") for name in names),
                "yes" if one.waiting else "no",
            )
            for one in report.differences
        ]
        yield ""
        yield table(("user", "memory", *names, "on its way"), rows)
    if report.more:
        yield f"and {report.more} more"
    if report.waiting:
        yield f"{report.waiting} of the memories are on their way: deliveries of the journal bring them in line"
    if not report.differences and not report.more:
        yield f"{report.first} and {report.second} hold the same"


def _done(report: MergeReport) -> str:
    users, states = counted(report.users, "user", "users"), counted(report.put, "state", "states")
    return f"{users} compared: {states} put"


def _result(report: MergeReport) -> str:
    """Say what a merge has done, and what it has not."""
    deleted = counted(report.deleted, "copy of a deleted memory is", "copies of deleted memories are")
    lines = [f"{_done(report)}, {deleted} being deleted"]
    if report.waiting:
        waiting = counted(report.waiting, "difference is", "differences are")
        lines.append(f"{waiting} left to deliveries of the journal that are under way")
    if report.refused:
        refused = counted(report.refused, "state was", "states were")
        lines.append(f"{refused} refused by a store; the log of the service names the memories")
    if report.left:
        left = counted(report.left, "difference remains", "differences remain")
        lines.append(f"{left}: another text under the same version, see `ninai providers diff`")
    return "\n".join(lines)
