"""What row-level security costs: the same requests by a role that the wall holds and by one that passes it, in turns.

Both speak with one database behind the wall, so that nothing but the policies differs. Each request is answered in one
way right after the other, in turns also as to which is the first: a busy machine slows both alike. What PostgreSQL's
two processes used of the processor holds none of their waiting, and is what the wall itself takes.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import make_url

from providers.filters import Eq
from providers.native.embedded import EmbeddedServer
from providers.native.engine import open_engine
from providers.native.provider import PostgresMemoryProvider
from providers.native.row_security import RowSecurity
from providers.owners import Owner
from providers.types import NewMemory, PageQuery, RecallQuery
from tests.bench.load import table
from tests.support.native import HashingEmbedder, host_for, open_native_provider
from tests.support.postgres import connected, create_database, make_template, reachable_folder
from tests.support.walled import application_role

BOB, ACME = Owner("bob"), Owner("bob", "acme")
MEMORIES = 1_000  # of each of them
MANY = Owner("many", "acme")
MANY_MEMORIES = 20_000  # of which an index must find a rare value
BATCH = 500
ROUNDS = 30
CALLS = 6  # of each request and way in a round; even, so that each way is the first as often as the other

_WORDS = ("tea", "coffee", "river", "stone", "garden", "window", "winter", "travel", "music", "doctor", "recipe")
_TENTH = 10  # parts of a distribution
_HEAD = ("request", "p10 ms", "behind", "ratio", "median ms", "behind", "ratio", "processor ms", "behind", "ratio")

Work = Callable[[PostgresMemoryProvider], Awaitable[object]]


class Way(Struct, frozen=True):
    """A provider, the role by which it connects, and whether the wall holds that one."""

    provider: PostgresMemoryProvider
    role: str


class Seen(Struct, frozen=True):
    """The milliseconds of each call in one way, and of the processor per call in each round."""

    calls: list[float]
    processor: list[float]


def main() -> None:
    """Fill a database, and ask it in both ways."""
    with reachable_folder() as folder, EmbeddedServer(folder / "postgres").running() as server:
        table(asyncio.run(_measure(server)))


async def _measure(server: EmbeddedServer) -> Iterator[tuple[str, ...]]:
    await make_template(server)
    dsn = await create_database(server)
    seen: dict[tuple[str, int], Seen] = {}
    async with _both_ways(dsn) as ways:
        for owner, memories in ((BOB, MEMORIES), (ACME, MEMORIES), (MANY, MANY_MEMORIES)):
            await _fill(ways[1].provider, owner, memories)
        async with connected(dsn) as connection:
            await connection.execute("VACUUM ANALYZE ninai_memories")
        for name, work in _works():
            for number, way in enumerate(ways):
                await work(way.provider)  # its plan is made
                seen[name, number] = Seen([], [])
        for _ in range(ROUNDS):
            for name, work in _works():
                await _round(dsn, ways, work, [seen[name, number] for number in range(len(ways))])
    return iter([_HEAD, *(_row(name, seen[name, 0], seen[name, 1]) for name, _ in _works())])


@asynccontextmanager
async def _both_ways(dsn: str) -> AsyncIterator[tuple[Way, Way]]:
    """Raise the wall; yield the way that passes it, and the way behind it."""
    tenants = replace(host_for(), tenants=True)
    async with AsyncExitStack() as stack:
        owner = await stack.enter_async_context(open_engine(dsn, pool_size=1))
        wall = RowSecurity(owner, owner)
        await wall.switch(up=True)
        await wall.let_index_lead()  # as the embedded server's owner may
        ways = []
        for passes in (True, False):
            application = await stack.enter_async_context(application_role(dsn))
            role = make_url(application).username or ""
            if passes:
                async with connected(dsn) as connection:
                    await connection.execute(f"ALTER ROLE {role} BYPASSRLS")
            opened = open_native_provider(
                application, HashingEmbedder(), host=host_for() if passes else tenants, migrate=False, pool_size=1
            )
            ways.append(Way(await stack.enter_async_context(opened), role))
        passing, held = ways
        yield passing, held


async def _fill(provider: PostgresMemoryProvider, owner: Owner, memories: int) -> None:
    for start in range(0, memories, BATCH):
        numbers = range(start, min(start + BATCH, memories))
        await provider.store_many(
            [NewMemory(owner=owner, content=_text(n), metadata={"n": n % 7, "number": n}) for n in numbers]
        )


async def _round(dsn: str, ways: Sequence[Way], work: Work, seen: Sequence[Seen]) -> None:
    before = [await _processor(dsn, way) for way in ways]
    for call in range(CALLS):
        for number in (0, 1) if call % 2 else (1, 0):
            started = perf_counter()
            await work(ways[number].provider)
            seen[number].calls.append((perf_counter() - started) * 1000)
    for number, way in enumerate(ways):
        seen[number].processor.append((await _processor(dsn, way) - before[number]) / CALLS)


async def _processor(dsn: str, way: Way) -> float:
    """Return the milliseconds that the server's process for a way has run; Linux counts them in nanoseconds."""
    async with connected(dsn) as connection:
        pid = await connection.fetchval(
            "SELECT pid FROM pg_stat_activity WHERE usename = $1 ORDER BY backend_start LIMIT 1", way.role
        )
    return int((await asyncio.to_thread(Path(f"/proc/{pid}/schedstat").read_text)).split()[0]) / 1e6


def _row(name: str, without: Seen, behind: Seen) -> tuple[str, ...]:
    p10 = [quantiles(one.calls, n=_TENTH)[0] for one in (without, behind)]
    middle = [median(one.calls) for one in (without, behind)]
    processor = [median(one.processor) for one in (without, behind)]
    return (name, *(part for pair in (p10, middle, processor) for part in _pair(*pair)))


def _pair(without: float, behind: float) -> tuple[str, str, str]:
    return f"{without:.2f}", f"{behind:.2f}", f"{behind / without:.2f}x"


def _works() -> Iterator[tuple[str, Work]]:
    for owner in (BOB, ACME, MANY):
        for name, work in _of(owner).items():
            yield f"{name}, {owner.tenant}{' of many' * (owner == MANY)}", work


def _of(owner: Owner) -> dict[str, Work]:
    new, numbers = Owner("new", owner.tenant), count()
    rare = Eq("number", 500)
    filtered = {"metadata": Eq("n", 3), "a rare value": rare, "a value that is not there": Eq("number", -1)}
    lists = {f"list by {name}": _listed(owner, where) for name, where in filtered.items()}
    if owner == MANY:
        return lists
    return {
        "recall": lambda one: one.find(RecallQuery(owner=owner, query=_text(next(numbers)))),
        "recall by metadata": lambda one: one.find(
            RecallQuery(owner=owner, query=_text(next(numbers)), where=filtered["metadata"])
        ),
        "list": lambda one: one.page(PageQuery(owner=owner, limit=20)),
        **lists,
        "remember": lambda one: one.store(NewMemory(owner=new, content="tea by the river")),
    }


def _listed(owner: Owner, where: Eq) -> Work:
    return lambda one: one.page(PageQuery(owner=owner, limit=20, where=where))


def _text(number: int) -> str:
    return " ".join(_WORDS[(number * step + step) % len(_WORDS)] for step in (1, 2, 3, 5, 7)) + f" {number}"
