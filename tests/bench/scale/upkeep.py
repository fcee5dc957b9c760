"""What is done with a database as a whole: starting a service over it, filling a standby, vacuum, migration."""

import re
import time
from pathlib import Path
from time import perf_counter
from urllib.request import urlopen

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from providers.native import migrations
from providers.native.engine import open_engine
from tests.bench.scale.filling import CLUSTERED, WORK_MEMORY, user_of
from tests.bench.service import service
from tests.support.postgres import connected

STARTS = 3
BACKFILL_SECONDS = 30.0
CHANGED_SHARE = 100  # one of so many users has all memories changed before the vacuum
BEFORE = "0011"  # the revision to which the schema goes back

# The next one derives a column from what this version has stored; of earlier memories it has nothing to derive.
STEPS = ("0012", "0013", "0014")

_COPIED = re.compile(r'^ninai_filling_memories\{[^}]*step="copied"[^}]*\} (\S+)', re.MULTILINE)
_LOOK_SECONDS = 0.5


def start_seconds(folder: Path, dsn: str) -> list[float]:
    """Return how long a service took from its start until it was ready, each time."""
    found = []
    for _ in range(STARTS):
        began = perf_counter()
        with service(folder, {"DATABASE_URL": dsn}):
            found.append(perf_counter() - began)
    return found


def backfill_rate(folder: Path, dsn: str) -> float:
    """Return how many memories a second a new standby in memory is given."""
    variables = {
        "NINAI__ORDER": "native,copy",
        "NINAI__PROVIDERS__NATIVE__KIND": "native",
        "NINAI__PROVIDERS__NATIVE__DSN": dsn,
        "NINAI__PROVIDERS__COPY__KIND": "mock",
        "NINAI__JOURNAL__KIND": "sqlite",
    }
    with service(folder, variables) as port:
        began, last, at = perf_counter(), 0.0, 0.0
        while perf_counter() - began < BACKFILL_SECONDS:
            time.sleep(_LOOK_SECONDS)
            with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                found = [float(value) for value in _COPIED.findall(answer.read().decode())]
            if found and max(found) > last:
                last, at = max(found), perf_counter() - began
    return last / at if at else 0.0


async def vacuum_seconds(dsn: str, users: int) -> tuple[float, float]:
    """Return how long a vacuum took that found nothing to do, and one after some users' memories had changed."""
    some = [user_of(number) for number in range(0, users, CHANGED_SHARE)]
    async with connected(dsn) as connection:
        idle = await _timed(connection, "VACUUM ANALYZE ninai_memories")
        await connection.execute("UPDATE ninai_memories SET updated_at = now() WHERE user_id = ANY ($1)", some)
        return idle, await _timed(connection, "VACUUM ANALYZE ninai_memories")


async def cluster_seconds(dsn: str) -> float:
    """Return how long it takes to bring the memories of each user in one partition together on the disk."""
    async with connected(dsn) as connection:
        await connection.execute(f"SET maintenance_work_mem = '{WORK_MEMORY}'")
        await connection.execute(
            "DELETE FROM bench_loaded WHERE partition = $1", CLUSTERED
        )  # the next run fills it anew
        taken = await _timed(connection, f"CLUSTER {CLUSTERED} USING {CLUSTERED}_pkey")
        await connection.execute(f"VACUUM ANALYZE {CLUSTERED}")
        return taken


async def migration_seconds(dsn: str) -> dict[str, float]:
    """Return how long each of some revisions takes to be applied; nothing of it stays."""
    async with open_engine(dsn, pool_size=1) as engine:
        return await _migrated(engine)


async def _migrated(engine: AsyncEngine) -> dict[str, float]:
    async with engine.connect() as plain:
        connection = await plain.execution_options(isolation_level="READ COMMITTED")  # else nothing is rolled back
        transaction = await connection.begin()
        try:
            return await connection.run_sync(_steps)
        finally:
            await transaction.rollback()


def _steps(connection: Connection) -> dict[str, float]:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.downgrade(config, BEFORE)
    taken = {}
    for step in STEPS:
        began = perf_counter()
        command.upgrade(config, step)
        taken[step] = perf_counter() - began
    return taken


async def _timed(connection: object, statement: str) -> float:
    began = perf_counter()
    await connection.execute(statement)  # type: ignore[attr-defined] # asyncpg has no types
    return perf_counter() - began
