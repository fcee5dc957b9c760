"""What history costs: the same writes where superseded versions are kept, and where no trigger keeps them."""

import asyncio
import statistics
from collections.abc import Awaitable, Callable, Iterator
from time import perf_counter

from providers.native.embedded import EmbeddedServer
from providers.native.provider import PostgresMemoryProvider
from providers.owners import Owner
from providers.types import Edit, NewMemory
from tests.bench.load import table
from tests.support.native import HashingEmbedder, open_native_provider
from tests.support.postgres import connected, create_database, make_template, reachable_folder

OWNER = Owner("bob")
ROUNDS = 40
CALLS = 20  # of each operation in a round
BATCH = 100

_TRIGGERS = ("ninai_memories_history", "ninai_memories_buried")

Work = Callable[[], Awaitable[object]]


def main() -> None:
    """Open both databases, and take turns."""
    with reachable_folder() as folder, EmbeddedServer(folder / "postgres").running() as server:
        table(asyncio.run(_measure(server)))


async def _measure(server: EmbeddedServer) -> Iterator[tuple[str, ...]]:
    await make_template(server)
    without, keeping = [await create_database(server) for _ in range(2)]
    async with connected(without) as connection:
        for name in _TRIGGERS:
            await connection.execute(f"DROP TRIGGER {name} ON ninai_memories")
    spent: dict[tuple[str, bool], list[float]] = {}
    async with (
        open_native_provider(without, HashingEmbedder()) as plain,
        open_native_provider(keeping, HashingEmbedder()) as keeper,
    ):
        works = {False: await _works(plain), True: await _works(keeper)}
        for turn in range(ROUNDS):
            for keeps in (False, True) if turn % 2 else (True, False):
                for name, work in works[keeps].items():
                    times = [await _timed(work) for _ in range(CALLS)]
                    spent.setdefault((name, keeps), []).append(statistics.median(times))
    rows: list[tuple[str, ...]] = [("operation", "without ms", "kept ms", "ratio", "of half the rounds")]
    for name in works[True]:
        before, now = spent[name, False], spent[name, True]
        low, middle, high = statistics.quantiles([b / a for a, b in zip(before, now, strict=True)], n=4)
        medians = (f"{statistics.median(one):.2f}" for one in (before, now))
        rows.append((name, *medians, f"{middle:.2f}x", f"{low:.2f}x to {high:.2f}x"))
    return iter(rows)


async def _timed(work: Work) -> float:
    """Return how long one call takes, in milliseconds."""
    started = perf_counter()
    await work()
    return (perf_counter() - started) * 1000


async def _works(provider: PostgresMemoryProvider) -> dict[str, Work]:
    changed = (await provider.store(NewMemory(owner=OWNER, content="tea"))).id
    batch = [NewMemory(owner=OWNER, content=f"coffee {number}") for number in range(BATCH)]
    return {
        "remember": lambda: provider.store(NewMemory(owner=OWNER, content="tea by the river")),
        f"remember_many of {BATCH}": lambda: provider.store_many(batch),
        "update": lambda: provider.change(Edit(owner=OWNER, memory_id=changed, content="green tea")),
        "get": lambda: provider.fetch(OWNER, changed),
    }
