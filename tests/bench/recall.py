"""Recall over HTTP by the memories of a user: ranked in the process and by the database, warm and cold.

Two services stand before one database; one of them has no recall index. They are asked in turns, so that what else the
machine does meets both alike, and the ratios printed are the medians of the rounds. Each question is asked once, but
for those that are asked `again`: 20 of them in turns. The curves are drawn into `deploy/docs/recall.svg`.
"""

import asyncio
import json
import statistics
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from random import Random
from subprocess import PIPE, Popen
from time import perf_counter

import msgspec
import uvloop
from msgspec import Struct

from providers.native.embedded import EmbeddedServer
from tests.bench.chart import growth_chart
from tests.bench.load import HttpClient, Measured, Work, run_load, table
from tests.bench.service import service, text_of, vacuum
from tests.support.postgres import reachable_folder

USERS = {100: 40, 1_000: 20, 10_000: 8, 100_000: 2}  # by their memories; all but the first are asked cold
CLIENTS = (1, 8)
ROUNDS = 3
SECONDS = 4.0
CHART = Path(__file__).parents[2] / "deploy" / "docs" / "recall.svg"
_BATCH = 500
_WORDS = 25  # of a memory: 150 characters
_WORDS_OF_A_QUESTION = 6
_AGAIN = 20  # questions
_SAME = -1  # the seed of those

_BARS = {1_000: "p50 <= 0.50x, 8 clients >= 2x", 10_000: "p50 <= 0.12x, 8 clients >= 8x", 100_000: "p50 <= 0.12x"}


class Sized(Struct):
    """What was measured with so many memories: `cold` in milliseconds, all else by the number of clients."""

    size: int
    off: dict[int, list[Measured]]
    on: dict[int, list[Measured]]
    again: dict[int, list[Measured]]
    cold: list[float]

    def p50(self, measured: dict[int, list[Measured]]) -> float:
        """Return the median of one client, in milliseconds."""
        return statistics.median(one.p50 for one in measured[1])

    def ratio(self, measured: dict[int, list[Measured]], clients: int) -> float:
        """Return the time as a share of that without the index, or for several clients the gain in throughput."""
        pairs = zip(measured[clients], self.off[clients], strict=True)
        return statistics.median(on.p50 / off.p50 if clients == 1 else on.rate / off.rate for on, off in pairs)


def user_of(size: int, number: int) -> str:
    """One of the users of a size."""
    return f"user-{size}-{number}"


def main() -> None:
    """Fill, ask, print and draw."""
    with reachable_folder() as folder, ExitStack() as stack:
        # Stored by a process of its own, so that the one that is asked has seen no user yet.
        with service(folder) as port:
            asyncio.run(_fill(port))
            asyncio.run(vacuum(EmbeddedServer(folder / "data" / "postgres").dsn))
        on = stack.enter_context(service(folder))
        dsn = EmbeddedServer(folder / "data" / "postgres").dsn
        (folder / "off").mkdir()
        without = {"DATABASE_URL": dsn, "NINAI__PROVIDERS__NATIVE__RECALL_CACHE_MB": "0"}
        off = stack.enter_context(service(folder / "off", without))
        measured = [_measured(size, on, off) for size in USERS]
    table(_rows(measured))
    CHART.write_text(_chart(measured))
    print(f"drawn into {CHART}")


async def _fill(port: int) -> None:
    random, started = Random(1), perf_counter()
    client = await HttpClient.connect(port)
    for size, users in USERS.items():
        for number in range(users):
            for first in range(0, size, _BATCH):
                memories = [{"content": text_of(random, _WORDS)} for _ in range(min(_BATCH, size - first))]
                body = json.dumps({"memories": memories}).encode()
                await client.post("/memory/remember/batch", user_of(size, number), body)
    client.close()
    stored = sum(size * users for size, users in USERS.items())
    print(f"stored {stored} memories through the batch route: {stored / (perf_counter() - started):.0f}/s")


def _measured(size: int, on: int, off: int) -> Sized:
    off_by, on_by, again_by = ({clients: list[Measured]() for clients in CLIENTS} for _ in range(3))
    measured = Sized(size, off_by, on_by, again_by, [])
    for port in (on, off):
        _in_own_process(port, size, 1, seed=0)  # the first recall of this user by each service, and of the process
    measured.cold += [asyncio.run(_first_ms(on, user_of(size, number))) for number in range(1, USERS[size])]
    for number in range(1, ROUNDS + 1):
        for clients in CLIENTS:
            measured.off[clients].append(_in_own_process(off, size, clients, seed=number))
            measured.on[clients].append(_in_own_process(on, size, clients, seed=number))
            measured.again[clients].append(_in_own_process(on, size, clients, seed=_SAME))
    return measured


async def _first_ms(port: int, user_id: str) -> float:
    client = await HttpClient.connect(port)
    started = perf_counter()
    await client.post(
        "/memory/recall", user_id, json.dumps({"query": text_of(Random(7), _WORDS_OF_A_QUESTION)}).encode()
    )
    client.close()
    return (perf_counter() - started) * 1000


def _rows(measured: list[Sized]) -> Iterator[tuple[str, ...]]:
    yield (
        "memories",
        "off p50 ms",
        "on p50 ms",
        "ratio",
        "off 8 clients/s",
        "on 8 clients/s",
        "gain",
        "again p50 ms",
        "ratio",
        "again 8 clients/s",
        "gain",
        "cold ms",
        "cold / off",
        "wanted",
    )
    for one in measured:
        cold = statistics.median(one.cold)
        yield (
            str(one.size),
            f"{one.p50(one.off):.2f}",
            f"{one.p50(one.on):.2f}",
            f"{one.ratio(one.on, 1):.2f}x",
            f"{statistics.median(run.rate for run in one.off[8]):.0f}",
            f"{statistics.median(run.rate for run in one.on[8]):.0f}",
            f"{one.ratio(one.on, 8):.1f}x",
            f"{one.p50(one.again):.2f}",
            f"{one.ratio(one.again, 1):.2f}x",
            f"{statistics.median(run.rate for run in one.again[8]):.0f}",
            f"{one.ratio(one.again, 8):.1f}x",
            f"{cold:.1f}",
            f"{cold / one.p50(one.off):.1f}x",
            f"{_BARS.get(one.size, '')}; cold <= 3x".strip("; "),
        )


def _chart(measured: list[Sized]) -> str:
    return growth_chart(
        "One recall over HTTP by the memories of a user: ms, median, one client",
        {
            "ranked by the database": {one.size: one.p50(one.off) for one in measured},
            "first recall, the index loads": {one.size: statistics.median(one.cold) for one in measured},
            "ranked in the process": {one.size: one.p50(one.on) for one in measured},
            "asked again": {one.size: one.p50(one.again) for one in measured},
        },
        "make bench, or python -m tests.bench recall",
    )


def _in_own_process(port: int, size: int, clients: int, seed: int) -> Measured:
    command = [sys.executable, "-m", "tests.bench.recall", str(port), str(size), str(clients), str(seed)]
    with Popen(command, stdout=PIPE, text=True) as process:  # noqa: S603 - this very module
        assert process.stdout is not None
        return Measured(**json.loads(process.stdout.read()))


async def _load(port: int, size: int, clients: int, seed: int) -> Measured:
    connections = [await HttpClient.connect(port) for _ in range(clients)]
    try:
        return await run_load([_recall(one, size, _asked(seed, n)) for n, one in enumerate(connections)], SECONDS)
    finally:
        for one in connections:
            one.close()


def _asked(seed: int, client: int) -> Iterator[str]:
    """Yield what a client asks: the same few questions with the seed `_SAME`, else none that was ever asked before."""
    if seed == _SAME:
        few = Random(seed)
        yield from cycle([text_of(few, _WORDS_OF_A_QUESTION) for _ in range(_AGAIN)])
    drawn = Random(f"{seed} {client}")
    while True:
        yield text_of(drawn, _WORDS_OF_A_QUESTION)


def _recall(client: HttpClient, size: int, questions: Iterator[str]) -> Work:
    async def recall() -> None:
        body = json.dumps({"query": next(questions)}).encode()
        await client.post("/memory/recall", user_of(size, 0), body)

    return recall


if __name__ == "__main__":
    print(json.dumps(msgspec.to_builtins(uvloop.run(_load(*map(int, sys.argv[1:]))))))
