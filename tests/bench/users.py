"""Recall over HTTP by many users in turns, whose indexes do not fit into memory together, against one who is warm.

`recall_cache_mb` holds one user in forty, as 256 MB do of 10,000 users with 1,000 memories each. Who asks is drawn
evenly, or as unevenly as Zipf's law has it. Kinds of draws take turns, so that what else the machine does meets all
alike; processor time is that of the service and PostgreSQL together.
"""

import asyncio
import json
import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from random import Random
from time import perf_counter

import uvloop
from msgspec import Struct, field

from providers.native.embedded import EmbeddedServer
from tests.bench.load import HttpClient, table
from tests.bench.service import service, text_of
from tests.support.postgres import connected, reachable_folder

USERS = 200
MEMORIES = 1_000  # of each
CACHE_MB = 5
CLIENTS = (1, 8)
ROUNDS = 3
REQUESTS = 400  # of a kind in a round
_ASKED_BEFORE = 1_000  # of each kind, until what is kept in memory stands
_WORDS = 25
_BATCH = 500
_TICKS = os.sysconf("SC_CLK_TCK")
_SHARES = {
    "warm": [1.0] + [0.0] * (USERS - 1),
    "zipf": [1 / rank for rank in range(1, USERS + 1)],
    "even": [1.0] * USERS,
}

# The same memories for all: what is measured is reading and ranking them, and not what they say.
_COPY = """
    INSERT INTO ninai_memories ({columns})
    SELECT {values} FROM ninai_memories CROSS JOIN generate_series(1, $1::int) AS number WHERE user_id = 'user-0'
"""
_COLUMNS = """
    SELECT column_name FROM information_schema.columns
    WHERE table_schema = current_schema() AND table_name = 'ninai_memories' AND is_generated = 'NEVER'
"""


class Asked(Struct):
    """What came of the requests of a kind: seconds of each, and processor seconds of all."""

    seconds: list[float] = field(default_factory=list)
    spent: float = 0.0

    def ms(self, share: float) -> float:
        """Return the milliseconds within which this share of the requests was answered."""
        return sorted(self.seconds)[int(len(self.seconds) * share)] * 1000

    @property
    def spent_ms(self) -> float:
        """The milliseconds of processor of each."""
        return self.spent / len(self.seconds) * 1000


def main() -> None:
    """Fill, ask and print."""
    with (
        reachable_folder() as folder,
        service(folder, {"NINAI__PROVIDERS__NATIVE__RECALL_CACHE_MB": str(CACHE_MB)}) as port,
    ):
        uvloop.run(_fill(port, EmbeddedServer(folder / "data" / "postgres").dsn))
        processes = _processes(folder)
        table(_rows(port, processes))


async def _fill(port: int, dsn: str) -> None:
    random = Random(1)
    client = await HttpClient.connect(port)
    for _ in range(MEMORIES // _BATCH):
        memories = [{"content": text_of(random, _WORDS), "metadata": {"topic": "tea"}} for _ in range(_BATCH)]
        await client.post("/memory/remember/batch", "user-0", json.dumps({"memories": memories}).encode())
    client.close()
    async with connected(dsn) as connection:
        columns = [f'"{row["column_name"]}"' for row in await connection.fetch(_COLUMNS)]
        values = ["'user-' || number" if column == '"user_id"' else column for column in columns]
        await connection.execute(
            _COPY.format(columns=", ".join(columns), values=", ".join(values)), USERS - 1, timeout=None
        )
        await connection.execute("VACUUM ANALYZE ninai_memories", timeout=None)


def _rows(port: int, processes: list[Path]) -> Iterator[tuple[str, ...]]:
    yield "clients", "draws", "p50 ms", "p95 ms", "p95 / warm", "processor ms", "/ warm", "hits", "passed"
    events: dict[str, dict[str, float]] = {}
    for kind in _SHARES:
        before = _events(port)
        uvloop.run(_ask(port, kind, 8, _ASKED_BEFORE, Random(0)))
        events[kind] = {name: value - before.get(name, 0.0) for name, value in _events(port).items()}
    for clients in CLIENTS:
        asked = {kind: Asked() for kind in _SHARES}
        for number in range(ROUNDS):
            for kind, of_kind in asked.items():
                spent = _spent(processes)
                of_kind.seconds += uvloop.run(_ask(port, kind, clients, REQUESTS, Random(number)))
                of_kind.spent += _spent(processes) - spent
        warm = asked["warm"]
        for kind, one in asked.items():
            yield (
                str(clients),
                kind,
                f"{one.ms(0.5):.1f}",
                f"{one.ms(0.95):.1f}",
                f"{one.ms(0.95) / warm.ms(0.95):.1f}x",
                f"{one.spent_ms:.2f}",
                f"{one.spent_ms / warm.spent_ms:.1f}x",
                f"{events[kind].get('hit', 0):.0f}",
                f"{events[kind].get('passed', 0):.0f}",
            )


async def _ask(port: int, kind: str, clients: int, requests: int, random: Random) -> list[float]:
    """Return the seconds of each request."""
    users = iter(random.choices(range(USERS), _SHARES[kind], k=requests))
    seconds: list[float] = []

    async def ask() -> None:
        client = await HttpClient.connect(port)
        for user in users:
            body = json.dumps({"query": text_of(random, 6)}).encode()
            started = perf_counter()
            await client.post("/memory/recall", f"user-{user}", body)
            seconds.append(perf_counter() - started)
        client.close()

    await asyncio.gather(*(ask() for _ in range(clients)))
    return seconds


def _events(port: int) -> dict[str, float]:
    """Return what the metrics count of the recall index."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    counted = (line for line in lines if line.startswith("ninai_recall_index_events_total{"))
    return {line.partition('event="')[2].partition('"')[0]: float(line.rpartition(" ")[2]) for line in counted}


def _processes(folder: Path) -> list[Path]:
    """Return what the system tells of every process that has this folder in its command, and of their children."""
    told = {path: path.joinpath("stat") for path in Path("/proc").iterdir() if path.name.isdigit()}
    parents: dict[str, str] = {}
    found: set[str] = set()
    for path, stat in told.items():
        try:
            parents[path.name] = stat.read_text("ascii", "replace").rpartition(")")[2].split()[1]
            if str(folder) in path.joinpath("cmdline").read_text("utf-8", "replace"):
                found.add(path.name)
        except OSError:
            continue
    return [Path("/proc", pid, "stat") for pid, parent in parents.items() if pid in found or parent in found]


def _spent(processes: list[Path]) -> float:
    """Return the seconds of processor that these have used."""
    ticks = 0
    for stat in processes:
        try:
            ticks += sum(map(int, stat.read_text("ascii", "replace").rpartition(")")[2].split()[11:13]))
        except OSError:
            continue
    return ticks / _TICKS


if __name__ == "__main__":
    main()
