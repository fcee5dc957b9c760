"""Ten million memories of ten thousand users in one PostgreSQL against a hundred thousand of a hundred, in one run.

`SCALE_MEMORIES` says how many memories the largest database has, and `SCALE_FOLDER` where the databases are, which stay
there: an interrupted run goes on where it was. Smaller sizes, each a tenth of the next, are measured beside it.
`SCALE_PARTS=requests` leaves out the upkeep, and with it the recalls of users whose memories it brings together.

Requests are measured after the system has forgotten all pages, so that the largest size is read from the disk where
the smallest is soon in memory. Recalls that load indexes are measured once more, with the pages of all sizes in memory.

The curves are drawn into `deploy/docs/scale-requests.svg` and `deploy/docs/scale-upkeep.svg`.
"""

import asyncio
import os
import statistics
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from random import Random
from tempfile import gettempdir
from time import perf_counter

from msgspec import Struct

from providers.native.embedded import EmbeddedServer
from tests.bench.chart import growth_chart
from tests.bench.load import table
from tests.bench.scale.asking import ANY_USER, LOADING, ROUNDS, Latencies, Ports, in_turns
from tests.bench.scale.databases import (
    MEMORIES_PER_USER,
    dsn_of,
    filled_databases,
    name_of,
    opened,
    used_bytes,
)
from tests.bench.scale.filling import CLUSTERED, Filled, user_of, users_in
from tests.bench.scale.pages import forget_pages, read_pages
from tests.bench.scale.upkeep import backfill_rate, cluster_seconds, migration_seconds, start_seconds, vacuum_seconds
from tests.bench.service import Bare, service
from tests.support.postgres import connected

SMALLEST, LARGEST = 100_000, 10_000_000
REQUESTS, UPKEEP = "requests", "upkeep"
FROM_DISK = f"{LOADING} from the disk"
IN_DATABASE = "recall in the database"
DOCS = Path(__file__).parents[3] / "deploy" / "docs"
COMMAND = "make bench scale"
BAR = 1.5  # by how much a recall may take longer at the largest size

# With room for the index of one user, so that it is another one's that has to be loaded.
KEEPING_NONE = {"NINAI__PROVIDERS__NATIVE__RECALL_CACHE_MB": "2"}

_STATEMENTS = 50  # in a round


class Upkeep(Struct, frozen=True):
    """What was measured of a database as a whole, in seconds; `backfill` in memories a second, `size` in bytes."""

    filled: Filled
    size: int
    start: float
    backfill: float
    vacuum_idle: float
    vacuum: float
    migration: dict[str, float]
    clustering: float


def main() -> None:
    """Fill what is missing, ask with and without pages in memory, keep up where that is wanted, print and draw."""
    largest = int(os.environ.get("SCALE_MEMORIES", str(LARGEST)))  # noqa: TID251 - what make passes on
    folder = Path(os.environ.get("SCALE_FOLDER", Path(gettempdir()) / "ninai-scale"))  # noqa: TID251 - what make passes on
    parts = os.environ.get("SCALE_PARTS", f"{REQUESTS} {UPKEEP}").split()  # noqa: TID251 - what make passes on
    if REQUESTS not in parts or not {*parts} <= {REQUESTS, UPKEEP}:
        raise ValueError(f"SCALE_PARTS is {REQUESTS}, or both {REQUESTS} and {UPKEEP}, and not {' '.join(parts)}")
    sizes = [SMALLEST]
    while sizes[-1] * 10 <= largest:
        sizes.append(sizes[-1] * 10)
    filled = filled_databases(folder, sizes)
    print(f"{folder} has {used_bytes(folder) / 1e9:.1f} GB; it stays there: remove it when it is not needed any more")
    asked = _asked_of_all(folder, sizes)
    if UPKEEP in parts:
        _draw_upkeep(_kept_up(folder, filled, asked))
    _draw_requests(asked)


def _asked_of_all(folder: Path, sizes: Sequence[int]) -> dict[int, dict[str, Latencies]]:
    """Ask for any user, from the disk, and once more with the pages in memory for what indexes are loaded from."""
    everybody = {size: range(size // MEMORIES_PER_USER) for size in sizes}
    forget_pages(folder)
    with opened(folder) as server:
        asked = {
            size: {kind.replace(LOADING, FROM_DISK): latencies for kind, latencies in kinds.items()}
            for size, kinds in _asked(folder, server, everybody).items()
        }
        table(_latencies(asked))
        read_pages(folder, server, sizes)
        _add(asked, _asked(folder, server, everybody, [ANY_USER, LOADING]), "pages in memory")
    table(_latencies(asked))
    return asked


def _kept_up(
    folder: Path, filled: Mapping[int, Filled], asked: Mapping[int, dict[str, Latencies]]
) -> dict[int, Upkeep]:
    """Bring users' memories together, ask for these users from the disk, and measure all other upkeep."""
    with opened(folder) as server:
        clustering = {size: asyncio.run(cluster_seconds(dsn_of(server, name_of(size)))) for size in filled}
        together = {size: asyncio.run(_users_clustered(server, size)) for size in filled}
    forget_pages(folder)
    with opened(folder) as server:
        _add(asked, _asked(folder, server, together, [LOADING]), "clustered")
        table(_latencies(asked))
        upkeep = {size: _upkeep(folder, server, size, filled[size], clustering[size]) for size in filled}
        table(_of_upkeep(upkeep))
    return upkeep


def _add(asked: Mapping[int, dict[str, Latencies]], more: Mapping[int, Mapping[str, Latencies]], how: str) -> None:
    for size, kinds in more.items():
        asked[size] |= {f"{kind}, {how}": latencies for kind, latencies in kinds.items()}


async def _users_clustered(server: EmbeddedServer, size: int) -> list[int]:
    return await users_in(dsn_of(server, name_of(size)), CLUSTERED, size // MEMORIES_PER_USER)


def _asked(
    folder: Path, server: EmbeddedServer, users: Mapping[int, Sequence[int]], only: Container[str] | None = None
) -> dict[int, dict[str, Latencies]]:
    with ExitStack() as stack:

        def port(name: str, size: int, further: Mapping[str, str]) -> int:
            (own := _own(folder, size) / name).mkdir(exist_ok=True)
            return stack.enter_context(service(own, {"DATABASE_URL": dsn_of(server, name_of(size)), **further}))

        ports = {size: Ports(port("keeping", size, {}), port("keeping-none", size, KEEPING_NONE)) for size in users}
        asked = asyncio.run(in_turns(ports, users, only))
    if only is not None:
        return asked
    in_database = asyncio.run(_statements({size: dsn_of(server, name_of(size)) for size in users}))
    return {size: {**asked[size], IN_DATABASE: in_database[size]} for size in users}


def _own(folder: Path, size: int) -> Path:
    own = folder / name_of(size)
    own.mkdir(exist_ok=True)
    return own


async def _statements(dsns: Mapping[int, str]) -> dict[int, Latencies]:
    """Ask by the statement alone, for any user, so that nothing is in the memory of a service."""
    random = Random(1)
    bares = {size: await Bare.connect(dsn, random) for size, dsn in dsns.items()}
    found = {size: Latencies([]) for size in dsns}
    for _ in range(ROUNDS):
        for size, bare in bares.items():
            for _ in range(_STATEMENTS):
                user = user_of(random.randrange(size // MEMORIES_PER_USER))
                began = perf_counter()
                await bare.recall(user)
                found[size].values.append((perf_counter() - began) * 1000)
    for bare in bares.values():
        await bare.close()
    return found


def _upkeep(folder: Path, server: EmbeddedServer, size: int, filled: Filled, clustering: float) -> Upkeep:
    dsn, own = dsn_of(server, name_of(size)), _own(folder, size)
    (backfill := own / "backfill").mkdir(exist_ok=True)
    idle, vacuum = asyncio.run(vacuum_seconds(dsn, size // MEMORIES_PER_USER))
    return Upkeep(
        filled=filled,
        size=asyncio.run(_bytes(dsn)),
        start=statistics.median(start_seconds(own, dsn)),
        backfill=backfill_rate(backfill, dsn),
        vacuum_idle=idle,
        vacuum=vacuum,
        migration=asyncio.run(migration_seconds(dsn)),
        clustering=clustering,
    )


async def _bytes(dsn: str) -> int:
    async with connected(dsn) as connection:
        return int(await connection.fetchval("SELECT pg_database_size(current_database())"))


def _latencies(asked: Mapping[int, Mapping[str, Latencies]]) -> Iterator[tuple[str, ...]]:
    sizes = list(asked)
    yield ("request", *(f"{size:,} p50/p95 ms" for size in sizes), "p95, last to first", "wanted")
    for kind in asked[sizes[0]]:
        found = [asked[size][kind] for size in sizes]
        ratio = found[-1].quantile(0.95) / found[0].quantile(0.95)
        wanted = f"<= {BAR}x" if kind.startswith(("recall, active", LOADING)) else ""
        shown = (f"{one.quantile(0.5):.2f} / {one.quantile(0.95):.2f}" for one in found)
        yield (kind, *shown, f"{ratio:.2f}x", wanted)


def _of_upkeep(upkeep: Mapping[int, Upkeep]) -> Iterator[tuple[str, ...]]:
    yield ("upkeep", *(f"{size:,}" for size in upkeep))
    rows: dict[str, Callable[[Upkeep], str]] = {
        "filling by COPY": lambda one: f"{one.filled.seconds:.0f} s",
        "disk": lambda one: f"{one.size / 1e9:.2f} GB",
        "start until ready": lambda one: f"{one.start:.1f} s",
        "backfill of a standby": lambda one: f"{one.backfill:.0f}/s",
        "vacuum, nothing to do": lambda one: f"{one.vacuum_idle:.1f} s",
        "vacuum, 1% changed": lambda one: f"{one.vacuum:.1f} s",
        "CLUSTER, a partition": lambda one: f"{one.clustering:.0f} s",
        "migration": lambda one: ", ".join(f"{step} {seconds:.1f} s" for step, seconds in one.migration.items()),
    }
    for name, shown in rows.items():
        yield (name, *(shown(one) for one in upkeep.values()))


def _draw_requests(asked: Mapping[int, Mapping[str, Latencies]]) -> None:
    kinds = next(iter(asked.values()))
    p95 = {kind: {size: found[kind].quantile(0.95) for size, found in asked.items()} for kind in kinds}
    _write("scale-requests.svg", growth_chart("One request by the memories of all users: ms, p95", p95, COMMAND))


def _draw_upkeep(upkeep: Mapping[int, Upkeep]) -> None:
    seconds = {
        "filling by COPY": {size: one.filled.seconds for size, one in upkeep.items()},
        "migration, three revisions": {size: sum(one.migration.values()) for size, one in upkeep.items()},
        "vacuum, 1% changed": {size: one.vacuum for size, one in upkeep.items()},
        "CLUSTER of a partition": {size: one.clustering for size, one in upkeep.items()},
        "start until ready": {size: one.start for size, one in upkeep.items()},
    }
    _write("scale-upkeep.svg", growth_chart("Upkeep by the memories of all users: seconds", seconds, COMMAND))


def _write(name: str, chart: str) -> None:
    (DOCS / name).write_text(chart)
    print(f"drawn into {DOCS / name}", flush=True)
