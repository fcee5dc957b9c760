"""What the chain costs: its own time in an operation, writes through the journal, reads that a standby answers.

Every ratio compares two ways of asking the same provider, in turns within one run; the median of the rounds is printed.
"""

import asyncio
import statistics
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic, perf_counter, time

import uvloop

from observability import notes
from observability.notes import Notes
from providers.base import MemoryProvider
from providers.chain.chained import ChainedProvider
from providers.chain.guarded import GuardedProvider
from providers.chain.link import Link
from providers.expectations import ProviderLimits
from providers.journal.base import Journal
from providers.journal.sqlite.opening import open_journal
from providers.memory.provider import MockMemoryProvider
from providers.native.embedded import EmbeddedServer
from providers.replica import Replica
from providers.states.clock import HybridClock
from tests.bench.load import Measured, Work, run_load, table
from tests.support.chain_rig import ChainRig, Guarding, JournalInMemory, link_of, route_of
from tests.support.native import HashingEmbedder, open_native_provider
from tests.support.patience import PATIENT
from tests.support.postgres import reachable_folder

CALLS = 3_000  # of each operation, for the overhead
CLIENTS = 64
ROUNDS = 5
SECONDS = 4.0
MEMORIES = 1_000  # of the user whose memories are recalled

_GUARDING = Guarding(attempts=PATIENT, concurrency=ProviderLimits().concurrency)
_OVERHEAD_P50, _OVERHEAD_P99 = 100, 500  # microseconds that are wanted
_JOURNAL_SHARE = 0.5  # of the writes without a journal
_STANDBY_COST = 1.2  # times a healthy recall from the same provider


def main() -> None:
    """Measure everything."""
    uvloop.run(_measure())


async def _measure() -> None:
    with reachable_folder() as folder:
        async with open_journal(folder / "overhead.sqlite3", time) as journal:
            await _overhead(journal)
        with EmbeddedServer(folder / "postgres").running() as server:
            async with open_native_provider(server.dsn, HashingEmbedder()) as native:
                await native.remember("warm", "up")
                await _writes(native, folder)
                await _standby(native, folder)


async def _overhead(journal: Journal) -> None:
    """Time of an operation that is not spent waiting for the provider or the journal.

    A processor that has just been woken is slower for a while, and any file's journal makes it wait; beside a journal
    in memory, which never does, it can be seen how much of the time is that.
    """
    awake = await _own_times_in_memory()
    rows = []
    for name, micros in (await _own_times(journal)).items():
        p50, p99 = micros[CALLS // 2], micros[int(CALLS * 0.99)]
        ratios = (f"{p50 / _OVERHEAD_P50:.2f}", f"{p99 / _OVERHEAD_P99:.2f}")
        rows.append((name, f"{p50:.0f}", f"{p99:.0f}", *ratios, f"{awake[name][CALLS // 2]:.0f}"))
    print("own time of the chain, us:")
    wanted = (f"p50 / {_OVERHEAD_P50}", f"p99 / {_OVERHEAD_P99}")
    table(iter([("operation", "p50", "p99", *wanted, "p50 if nothing waits"), *rows]))


async def _own_times_in_memory() -> dict[str, list[float]]:
    journal = JournalInMemory(time)
    times = await _own_times(journal)
    await journal.close()
    return times


async def _own_times(journal: Journal) -> dict[str, list[float]]:
    """Microseconds of every call of each operation, sorted."""
    home, standby = _link("home", MockMemoryProvider()), _link("standby", MockMemoryProvider())
    chain = await _chained((home, standby), journal)
    return {name: sorted([await _own_time(ask, number) for number in range(CALLS)]) for name, ask in _operations(chain)}


def _operations(chain: MemoryProvider) -> Iterator[tuple[str, Callable[[int], Awaitable[object]]]]:
    ids: list[str] = []

    async def remember(number: int) -> None:
        ids.append(await chain.remember(f"user-{number % 100}", f"tea number {number}"))

    yield "remember", remember
    yield "recall", lambda number: chain.recall(f"user-{number % 100}", "tea")
    yield "list", lambda number: chain.list_memories(f"user-{number % 100}")
    yield "get", lambda number: chain.get(f"user-{number % 100}", ids[number])
    yield "delete", lambda number: chain.delete(f"user-{number % 100}", ids[number])


async def _own_time(ask: Callable[[int], Awaitable[object]], number: int) -> float:
    told = Notes("bench")
    token = notes.current.set(told)
    started = perf_counter()
    await ask(number)
    micros = (perf_counter() - started - told.provider_seconds - told.journal_seconds) * 1e6
    notes.current.reset(token)
    return micros


async def _writes(native: Replica, folder: Path) -> None:
    """The same database with a journal before it and without."""
    guarded = GuardedProvider(_link("native", native), HybridClock())
    async with _journaled(folder / "writes.sqlite3") as journal:
        chain = await _chained((_link("native", native),), journal)
        await _compare(
            f"remember, {CLIENTS} clients",
            ("without journal", _writers(guarded)),
            ("with journal", _writers(chain)),
            lambda plain, ours: (ours.rate / plain.rate, _JOURNAL_SHARE, "at least"),
        )


def _writers(provider: MemoryProvider) -> list[Work]:
    def writer(client: int) -> Work:
        async def write() -> None:
            await provider.remember(f"writer-{client}", "tea is drunk in the morning and coffee at noon")

        return write

    return [writer(client) for client in range(CLIENTS)]


async def _standby(native: Replica, folder: Path) -> None:
    """A recall that the standby answers because home's breaker is open, and the same without a chain."""
    for start in range(0, MEMORIES, 100):
        await asyncio.gather(
            *(native.remember("reader", f"tea number {number} of many") for number in range(start, start + 100))
        )
    guarded = GuardedProvider(_link("standby", native), HybridClock())
    async with _journaled(folder / "standby.sqlite3") as journal:
        home = _link("home", MockMemoryProvider())
        chain = await _chained((home, _link("standby", native)), journal)
        home.attempts.guards.breaker.force_open("dead")
        await _compare(
            "recall, 1 client",
            ("the provider itself", [lambda: _recall(guarded)]),
            ("as a standby", [lambda: _recall(chain)]),
            lambda plain, ours: (ours.p50 / plain.p50, _STANDBY_COST, "at most"),
        )


async def _recall(provider: MemoryProvider) -> None:
    await provider.recall("reader", "which tea is number 77")


async def _compare(
    what: str,
    plain: tuple[str, list[Work]],
    ours: tuple[str, list[Work]],
    judge: Callable[[Measured, Measured], tuple[float, float, str]],
) -> None:
    ratios: list[float] = []
    first = second = None
    wanted, side = 0.0, ""
    for _ in range(ROUNDS):
        first, second = await run_load(plain[1], SECONDS), await run_load(ours[1], SECONDS)
        ratio, wanted, side = judge(first, second)
        ratios.append(ratio)
    rows = [
        (name, f"{one.rate:.0f}", f"{one.p50:.2f}", f"{one.p99:.2f}")
        for name, one in ((plain[0], first), (ours[0], second))
        if one is not None
    ]
    print(f"\n{what}:")
    table(iter([("way", "per second", "p50 ms", "p99 ms"), *rows]))
    print(f"ratio {statistics.median(ratios):.2f}, wanted {side} {wanted}")


@asynccontextmanager
async def _journaled(path: Path) -> AsyncIterator[Journal]:
    async with open_journal(path, time) as journal:
        yield journal


async def _chained(links: tuple[Link, ...], journal: Journal) -> ChainedProvider:
    for link in links:
        await journal.join(link.name, link.name)
    return ChainRig(journal, monotonic, HybridClock()).chained(route_of(links))


def _link(name: str, provider: Replica) -> Link:
    return link_of(name, provider, monotonic, _GUARDING)


if __name__ == "__main__":
    main()
