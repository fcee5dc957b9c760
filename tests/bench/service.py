"""The service over HTTP against the same SQL by bare asyncpg: recall and remember, 8 and 64 clients.

The load runs in a process of its own. Every pair is measured three times in turns, so that what else the machine does
meets both alike; the ratio printed is the median of the three.
"""

import asyncio
import json
import os
import statistics
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from random import Random
from subprocess import PIPE, Popen
from types import MappingProxyType
from typing import Any

import asyncpg
import msgspec
import numpy as np
import uvloop
from sqlalchemy import TextClause
from sqlalchemy.dialects.postgresql import asyncpg as dialect

from providers.embedders.base import Vector
from providers.native import statements
from providers.native.columns import FIRST, insert_values
from providers.native.embedded import EmbeddedServer
from providers.native.halves import register_halves
from providers.native.rows import Embedding
from providers.native.search import recall_statement
from providers.native.terms import register_terms
from providers.native.writing import new_row
from providers.owners import Owner
from providers.states.clock import HybridClock
from providers.types import NewMemory, RecallQuery
from tests.bench.load import HttpClient, Measured, Work, run_load, table
from tests.support.postgres import libpq_dsn, reachable_folder

USERS = 200
MEMORIES_PER_USER = 1_000
CLIENTS = (8, 64)
ROUNDS = 3
SECONDS = 6.0
DIMS = 256
_BATCH = 500

_WORDS = [f"{a}{b}{c}" for a in "bcdfgklmnprst" for b in "aeiou" for c in ("n", "r", "t", "ng", "lo", "mi", "st", "ka")]
_WEIGHTS = [1 / (rank + 2) for rank in range(len(_WORDS))]


def text_of(random: Random, words: int) -> str:
    """A text whose words are as unevenly common as in language."""
    return " ".join(random.choices(_WORDS, _WEIGHTS, k=words))


def user_of(random: Random) -> str:
    """One of the users."""
    return f"user-{random.randrange(USERS):04}"


async def fill(port: int) -> None:
    """Store every user's memories through the batch route."""
    random = Random(1)
    client = await HttpClient.connect(port)
    for user in range(USERS):
        for _ in range(MEMORIES_PER_USER // _BATCH):
            memories = [{"content": text_of(random, 20)} for _ in range(_BATCH)]
            await client.post("/memory/remember/batch", f"user-{user:04}", json.dumps({"memories": memories}).encode())
    client.close()


class Bare:
    """The same statements by asyncpg alone: what the database and the driver can do at most."""

    def __init__(self, connection: asyncpg.Connection, random: Random) -> None:
        self.connection = connection
        self._random = random
        self._noise = np.random.default_rng(random.randrange(2**32))
        self._clock = HybridClock()

    @classmethod
    async def connect(cls, dsn: str, random: Random) -> "Bare":
        """Connect with the settings that the service's own pool has."""
        settings = {"plan_cache_mode": "force_generic_plan", "jit": "off"}
        connection = await asyncpg.connect(libpq_dsn(dsn), server_settings=settings)
        await register_halves(connection, "public")
        await register_terms(connection, "public")
        return cls(connection, random)

    def vector(self) -> Vector:
        """A direction, float32[256] of unit length."""
        vector: Vector = self._noise.normal(size=DIMS).astype(np.float32)
        return vector / np.linalg.norm(vector)

    async def recall(self, user_id: str | None = None) -> None:
        """Ask once, the vector being there already."""
        query = RecallQuery(owner=Owner(user_id or user_of(self._random)), query=text_of(self._random, 6))
        statement = recall_statement(query, {"local/l2_supercat_256": self.vector()}, 0.5)
        rows = await self.connection.fetch(statement.text, *statement.values)
        if len(rows) != query.limit:
            raise RuntimeError("the baseline found less than it should")

    async def remember(self) -> None:
        """Store once, the vector being there already."""
        memory = NewMemory(owner=Owner(user_of(self._random)), content=text_of(self._random, 20))
        row = new_row(memory, Embedding("local/l2_supercat_256", self.vector()), self._clock)
        [values] = await insert_values([row], FIRST)
        await self.connection.fetch(*_driver_form(statements.PUT, values))

    async def close(self) -> None:
        """Close the connection."""
        await self.connection.close()


_compiled: dict[TextClause, tuple[str, list[str]]] = {}


def _driver_form(statement: TextClause, values: dict[str, Any]) -> list[Any]:
    """The SQL with $1, $2, ... and the values in that order."""
    if statement not in _compiled:
        compiled = statement.compile(dialect=dialect.dialect())  # type: ignore[no-untyped-call] # SQLAlchemy leaves it so
        _compiled[statement] = (str(compiled), list(compiled.positiontup or ()))
    sql, names = _compiled[statement]
    return [sql, *(values[name] for name in names)]


async def bare(dsn: str, operation: str, clients: int) -> Measured:
    """Measure the baseline."""
    connections = [await Bare.connect(dsn, Random(seed)) for seed in range(clients)]
    try:
        return await run_load([getattr(one, operation) for one in connections], SECONDS)
    finally:
        for one in connections:
            await one.close()


async def http(port: int, operation: str, clients: int) -> Measured:
    """Measure the service."""
    connections = [await HttpClient.connect(port) for _ in range(clients)]
    try:
        return await run_load([_request(one, operation, Random(n)) for n, one in enumerate(connections)], SECONDS)
    finally:
        for one in connections:
            one.close()


def _request(client: HttpClient, operation: str, random: Random) -> Work:
    async def recall() -> None:
        await client.post("/memory/recall", user_of(random), json.dumps({"query": text_of(random, 6)}).encode())

    async def remember() -> None:
        await client.post("/memory/remember", user_of(random), json.dumps({"content": text_of(random, 20)}).encode())

    return {"recall": recall, "remember": remember}[operation]


@contextmanager
def service(folder: Path, environment: Mapping[str, str] = MappingProxyType({})) -> Iterator[int]:
    """`ninai serve` as it comes, one worker, its log going to a file; gives its port."""
    command = [str(Path(sys.executable).with_name("ninai")), "serve", "--port", "0", "--data-dir", str(folder / "data")]
    variables = os.environ | environment  # noqa: TID251 - what another process inherits
    log = folder / "service.log"
    with log.open("w") as output, Popen(command, stderr=output, env=variables) as process:  # noqa: S603 - our own command
        try:
            while "http://127.0.0.1:" not in log.read_text():
                if process.poll() is not None:
                    raise RuntimeError(log.read_text())
                time.sleep(0.05)
            port = int(log.read_text().partition("http://127.0.0.1:")[2].split()[0])
            while not _answers(port):
                time.sleep(0.05)
            yield port
        finally:
            process.terminate()


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as answer:
            return bool(answer.status == HTTPStatus.OK)
    except OSError:
        return False


def _in_own_process(*words: str) -> Measured:
    command = [sys.executable, "-m", "tests.bench.service", *words]
    with Popen(command, stdout=PIPE, text=True) as process:  # noqa: S603 - this very module
        assert process.stdout is not None
        return Measured(**json.loads(process.stdout.read()))


def main() -> None:
    """Fill a service with memories and print the table."""
    with reachable_folder() as folder, service(folder) as port:
        dsn = EmbeddedServer(folder / "data" / "postgres").dsn
        started = time.perf_counter()
        asyncio.run(fill(port))
        stored = USERS * MEMORIES_PER_USER
        print(f"stored {stored} memories through the batch route: {stored / (time.perf_counter() - started):.0f}/s")
        asyncio.run(vacuum(dsn))
        table(_rows(dsn, port))


async def vacuum(dsn: str) -> None:
    """Bring what the database knows of its memories up to date."""
    connection = await asyncpg.connect(libpq_dsn(dsn))
    await connection.execute("VACUUM ANALYZE ninai_memories")
    await connection.close()


def _rows(dsn: str, port: int) -> Iterator[tuple[str, ...]]:
    yield ("operation", "clients", "bare/s", "http/s", "ratio", "bare p50/p99 ms", "http p50/p99 ms")
    for operation in ("recall", "remember"):
        for clients in CLIENTS:
            pairs = []
            for _ in range(ROUNDS):
                baseline = _in_own_process("bare", dsn, operation, str(clients))
                pairs.append((baseline, _in_own_process("http", str(port), operation, str(clients))))
            ratio = statistics.median(served.rate / baseline.rate for baseline, served in pairs)
            baseline, served = min(pairs, key=lambda pair: abs(pair[1].rate / pair[0].rate - ratio))
            yield (
                operation,
                str(clients),
                f"{baseline.rate:.0f}",
                f"{served.rate:.0f}",
                f"{ratio:.0%}",
                f"{baseline.p50:.1f} / {baseline.p99:.1f}",
                f"{served.p50:.1f} / {served.p99:.1f}",
            )


def _child(words: list[str]) -> None:
    """Measure one thing and print it for the parent."""
    kind, target, operation, clients = words
    work = bare(target, operation, int(clients)) if kind == "bare" else http(int(target), operation, int(clients))
    print(json.dumps(msgspec.to_builtins(uvloop.run(work))))


if __name__ == "__main__":
    _child(sys.argv[1:])
