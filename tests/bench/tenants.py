"""What row-level security costs: the same operations with the wall down and up, in turns, as a role that it holds."""

import asyncio
import statistics
from collections.abc import Awaitable, Callable, Iterator
from time import perf_counter

from msgspec.structs import replace

from providers.filters import Eq
from providers.native.embedded import EmbeddedServer
from providers.native.engine import open_engine
from providers.native.provider import PostgresMemoryProvider
from providers.native.schema import Schema
from providers.owners import Owner
from providers.types import NewMemory, PageQuery, RecallQuery
from tests.bench.load import table
from tests.support.native import HashingEmbedder, host_for, open_native_provider
from tests.support.postgres import connected, create_database, make_template, reachable_folder
from tests.support.walled import application_role

OWNERS = (Owner("bob"), Owner("bob", "acme"))
MEMORIES = 1_000  # of each owner
ROUNDS = 30
CALLS = 10  # of each operation in a round

_WORDS = ("tea", "coffee", "river", "stone", "garden", "window", "winter", "travel", "music", "doctor", "recipe")

Work = Callable[[], Awaitable[object]]


def main() -> None:
    """Fill a database, and switch the wall between the rounds."""
    with reachable_folder() as folder, EmbeddedServer(folder / "postgres").running() as server:
        table(asyncio.run(_measure(server)))


async def _measure(server: EmbeddedServer) -> Iterator[tuple[str, ...]]:
    await make_template(server)
    dsn = await create_database(server)
    best: dict[tuple[str, bool], list[float]] = {}
    async with application_role(dsn) as application, open_engine(dsn, pool_size=1) as owner:
        await Schema(owner).wall(up=True)
        tenants = replace(host_for(), tenants=True)
        async with (
            open_native_provider(application, HashingEmbedder(), migrate=False) as plain,
            open_native_provider(application, HashingEmbedder(), host=tenants, migrate=False) as walled,
        ):
            for one in OWNERS:
                await walled.store_many(
                    [
                        NewMemory(owner=one, content=_text(n), metadata={"n": n % 7, "number": n})
                        for n in range(MEMORIES)
                    ]
                )
            async with connected(dsn) as connection:
                await connection.execute("VACUUM ANALYZE ninai_memories")
            for up in (False, True) * ROUNDS:
                await Schema(owner).wall(up=up)
                for name, work in _of_all(walled if up else plain):
                    await work()  # its plan is made anew
                    # Of a round the quickest call counts: others tell how busy the machine was.
                    best.setdefault((name, up), []).append(min([await _timed(work) for _ in range(CALLS)]))
    rows: list[tuple[str, ...]] = [("operation", "down ms", "up ms", "ratio", "of half the rounds")]
    for name in dict.fromkeys(name for name, _ in best):
        without, behind = best[name, False], best[name, True]
        low, middle, high = statistics.quantiles([up / down for down, up in zip(without, behind, strict=True)], n=4)
        medians = (f"{statistics.median(one):.2f}" for one in (without, behind))
        rows.append((name, *medians, f"{middle:.2f}x", f"{low:.2f}x to {high:.2f}x"))
    return iter(rows)


async def _timed(work: Work) -> float:
    """Return how long one call takes, in milliseconds."""
    started = perf_counter()
    await work()
    return (perf_counter() - started) * 1000


def _of_all(provider: PostgresMemoryProvider) -> Iterator[tuple[str, Work]]:
    for owner in OWNERS:
        for name, work in _works(provider, owner).items():
            yield f"{name}, {owner.tenant}", work


def _works(provider: PostgresMemoryProvider, owner: Owner) -> dict[str, Work]:
    where = Eq("n", 3)
    new = Owner("new", owner.tenant)
    return {
        "recall": lambda: provider.find(RecallQuery(owner=owner, query="tea by the river")),
        "recall by metadata": lambda: provider.find(RecallQuery(owner=owner, query="tea by the river", where=where)),
        "list": lambda: provider.page(PageQuery(owner=owner, limit=20)),
        "list by metadata": lambda: provider.page(PageQuery(owner=owner, limit=20, where=where)),
        "list by a rare value": lambda: provider.page(PageQuery(owner=owner, limit=20, where=Eq("number", 500))),
        "remember": lambda: provider.store(NewMemory(owner=new, content="tea by the river")),
    }


def _text(number: int) -> str:
    return " ".join(_WORDS[(number * step + step) % len(_WORDS)] for step in (1, 2, 3, 5, 7)) + f" {number}"
