"""The databases of this benchmark: one server in a folder that stays, one database for each number of memories."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from subprocess import run
from time import perf_counter

from sqlalchemy import make_url

from providers.native.embedded import EmbeddedServer
from tests.bench.load import HttpClient
from tests.bench.scale.filling import Filled, fill
from tests.bench.service import service, text_of
from tests.support.postgres import connected, prepare_template

MEMORIES_PER_USER = 1_000
POOL = 20_000  # memories that the service stores itself, of which all others are made
WORDS = 25
BYTES_A_MEMORY = 3_500  # with all indexes and some room
SPARE_BYTES = 8 * 1024**3  # for the log of the server, sorting, and whoever else uses the disk
BATCH = 500

# So that loading writes no log; a server that is measured runs with what the product gives it.
_LOADING = ("wal_level = minimal", "max_wal_senders = 0")


def filled_databases(folder: Path, sizes: list[int]) -> dict[int, Filled]:
    """Fill what is missing; raise `RuntimeError` if the disk has too little room for it."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    server = EmbeddedServer(folder / "postgres")
    with server.running():
        missing = asyncio.run(_missing_bytes(server, sizes))
        free = shutil.disk_usage(folder).free
        if missing and missing + SPARE_BYTES > free:
            raise RuntimeError(f"{folder} needs {missing + SPARE_BYTES:,} bytes, and has {free:,}")
        if missing:
            asyncio.run(_prepare(server, sizes))
            asyncio.run(_alter(server, *(f"SET {setting}" for setting in _LOADING)))
    try:
        with server.running():
            return {size: asyncio.run(_fill(server, size)) for size in sizes}
    finally:
        with server.running():
            asyncio.run(_alter(server, "RESET ALL"))


def dsn_of(server: EmbeddedServer, database: str) -> str:
    """Return the dsn of another database of the server."""
    return make_url(server.dsn).set(database=database).render_as_string(hide_password=False)


def name_of(size: int) -> str:
    """Return the name of the database with so many memories."""
    return f"memories_{size}"


@contextmanager
def opened(folder: Path) -> Iterator[EmbeddedServer]:
    """Run the server."""
    with EmbeddedServer(folder / "postgres").running() as server:
        yield server


async def _names(server: EmbeddedServer) -> set[str]:
    async with connected(server.dsn) as connection:
        return {row["datname"] for row in await connection.fetch("SELECT datname FROM pg_database")}


async def _missing_bytes(server: EmbeddedServer, sizes: list[int]) -> int:
    there = await _names(server)
    missing = 0
    for size in sizes:
        filled = 0
        if name_of(size) in there:
            async with connected(dsn_of(server, name_of(size))) as connection:
                if await connection.fetchval("SELECT to_regclass('bench_loaded')") is not None:
                    filled = await connection.fetchval("SELECT coalesce(sum(memories), 0) FROM bench_loaded")
        missing += (size - int(filled)) * BYTES_A_MEMORY
    return missing


async def _alter(server: EmbeddedServer, *settings: str) -> None:
    async with connected(server.dsn) as connection:
        for setting in settings:
            await connection.execute(f"ALTER SYSTEM {setting}")


async def _prepare(server: EmbeddedServer, sizes: list[int]) -> None:
    there = await _names(server)
    for name in (*map(name_of, sizes), "pool"):
        if name not in there:
            async with connected(server.dsn) as connection:
                await connection.execute(f"CREATE DATABASE {name}")
        await prepare_template(dsn_of(server, name))
    async with connected(dsn_of(server, "pool")) as connection:
        stored = await connection.fetchval("SELECT count(*) FROM ninai_memories")
    if stored < POOL:
        (server.folder.parent / "pool").mkdir(exist_ok=True)
        await asyncio.to_thread(_fill_pool, server)


def _fill_pool(server: EmbeddedServer) -> None:
    with service(server.folder.parent / "pool", {"DATABASE_URL": dsn_of(server, "pool")}) as port:
        asyncio.run(_store(port))


async def _store(port: int) -> None:
    random = Random(1)
    client = await HttpClient.connect(port)
    for _ in range(POOL // BATCH):
        memories = [_memory(random) for _ in range(BATCH)]
        await client.post("/memory/remember/batch", "pool", json.dumps({"memories": memories}).encode())
    client.close()


def _memory(random: Random) -> dict[str, object]:
    """Return a memory; one of ten has metadata, one of five a session."""
    memory: dict[str, object] = {"content": text_of(random, WORDS)}
    if random.random() < 0.1:
        memory["metadata"] = {"project": random.randrange(20)}
    if random.random() < 0.2:
        memory["session"] = f"session-{random.randrange(500)}"
    return memory


async def _fill(server: EmbeddedServer, size: int) -> Filled:
    began = perf_counter()
    users = size // MEMORIES_PER_USER
    filled = await fill(dsn_of(server, name_of(size)), dsn_of(server, "pool"), users, MEMORIES_PER_USER)
    now = perf_counter() - began
    print(f"{size:,} memories of {users:,} users: {filled.seconds:.0f} s, now {now:.0f} s", flush=True)
    return filled


def used_bytes(folder: Path) -> int:
    """Return what the folder holds on the disk."""
    said = run(["du", "-sk", folder], capture_output=True, text=True, check=True).stdout  # noqa: S603, S607 - a tool of every system
    return int(said.split()[0]) * 1024
