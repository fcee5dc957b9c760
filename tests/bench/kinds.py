"""How the kinds of stores compare: filling, remembering, recalling, listing, by words alone, in turns in one run."""

import asyncio
import random
import statistics
from collections import defaultdict
from contextlib import AsyncExitStack
from time import perf_counter

import uvloop

from providers.native.embedded import EmbeddedServer
from providers.owners import Owner
from providers.replica import Replica
from providers.types import NewMemory
from tests.bench.load import Work, run_load, table
from tests.support.native import host_for, open_native_provider
from tests.support.opensearch import running_opensearch
from tests.support.postgres import reachable_folder
from tests.support.redis import running_redis

MEMORIES, AT_ONCE = 1_000, 100
USER = "anna"
CLIENTS = 4
ROUNDS = 5
SECONDS = 2.0
WORDS = [
    "tea",
    "coffee",
    "milk",
    "sugar",
    "morning",
    "evening",
    "garden",
    "train",
    "meeting",
    "letter",
    "doctor",
    "winter",
    "music",
    "bridge",
    "paper",
]


def main() -> None:
    """Measure everything."""
    uvloop.run(_measure())


async def _measure() -> None:
    with (
        reachable_folder() as folder,
        EmbeddedServer(folder / "a").running() as postgres,
        running_redis() as redis,
        running_opensearch() as opensearch,
    ):
        async with AsyncExitStack() as opened:
            providers: dict[str, Replica] = {
                "native": await opened.enter_async_context(open_native_provider(postgres.dsn)),
                "redis": await opened.enter_async_context(redis.settings().open(host_for())),
                "opensearch": await opened.enter_async_context(opensearch.settings().open(host_for())),
            }
            filled = {name: await _fill(provider) for name, provider in providers.items()}
            await _compare(providers, filled)


async def _compare(providers: dict[str, Replica], filled: dict[str, float]) -> None:
    rates: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for _ in range(ROUNDS):
        for name, provider in providers.items():
            for what, work in _works(provider).items():
                await work()
                rates[what, name].append((await run_load([work] * CLIENTS, SECONDS)).rate)
    print(f"\n{MEMORIES} memories of one user, {CLIENTS} clients, per second (the median of {ROUNDS} rounds in turns):")
    of_rounds = [
        (what, *(f"{statistics.median(rates[what, name]):.0f}" for name in providers))
        for what in dict.fromkeys(what for what, _ in rates)
    ]
    of_filling = (f"fill, {AT_ONCE} at once", *(f"{rate:.0f}" for rate in filled.values()))
    table(iter([("", *providers), of_filling, *of_rounds]))


def _works(provider: Replica) -> dict[str, Work]:
    draw = random.Random(7)

    async def recall() -> None:
        assert await provider.recall(USER, f"{draw.choice(WORDS)} in the {draw.choice(WORDS)}")

    async def remember() -> None:
        await provider.remember(f"user-{draw.randrange(100)}", _content(draw))

    async def listing() -> None:
        assert len(await provider.list_memories(USER, limit=20)) == 20

    return {"recall": recall, "remember": remember, "list of 20": listing}


async def _fill(provider: Replica) -> float:
    draw, started = random.Random(3), perf_counter()
    for _ in range(MEMORIES // AT_ONCE):
        memories = [NewMemory(owner=Owner(USER), content=_content(draw)) for _ in range(AT_ONCE)]
        stored = await provider.remember_many(memories)
        assert all(isinstance(one, str) for one in stored)
        await asyncio.sleep(0)
    return MEMORIES / (perf_counter() - started)


def _content(draw: random.Random) -> str:
    return f"{draw.getrandbits(32):x} " + " ".join(draw.choices(WORDS, k=12))
