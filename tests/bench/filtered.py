"""Recall with conditions: judged by what the index holds, and beside that by a statement to the database.

`recall` is one with no condition; `statement` is what the database takes for the ids of those that meet the conditions,
without the recall; `index` is a whole recall with them, and `first` the one that reads the fields for the first time.
No question is asked twice.
"""

import asyncio
import statistics
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from random import Random
from time import perf_counter

from msgspec.structs import replace

from providers import filters
from providers.native.conditions_sql import conditions_sql
from providers.native.embedded import EmbeddedServer
from providers.native.provider import PostgresMemoryProvider
from providers.owners import Owner
from providers.postgres.bound_sql import Binding, BoundSql
from providers.types import Conditions, NewMemory, RecallQuery
from tests.bench.load import table
from tests.bench.service import text_of
from tests.support.native import open_native_provider
from tests.support.postgres import connected, libpq_dsn, reachable_folder

SIZES = (1_000, 10_000)
ROUNDS = 15
CLIENTS = 8
_BATCH = 500
_WORDS = 6  # of a question

# Thirty conditions that most memories meet, so that none of them saves the others.
_THIRTY = filters.And(
    [
        *(filters.Gte("n", -number) for number in range(10)),
        *(filters.Ne(f"f{number % 5}", f"none{number}") for number in range(10)),
        *(filters.Not(filters.Prefix("topic", f"none{number}")) for number in range(10)),
    ]
)
_ASKED = {
    "a session": Conditions(session="s7"),
    "one field": Conditions(where=filters.Eq("topic", "t3")),
    "30 conditions": Conditions(where=_THIRTY),
}


def main() -> None:
    """Fill a database, and ask."""
    with reachable_folder() as folder, EmbeddedServer(folder / "postgres").running() as server:
        table(asyncio.run(_measured(server.dsn)))


async def _measured(dsn: str) -> Iterator[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        ("memories", "conditions", "recall ms", "statement ms", "first ms", "index ms", "8 at once: statement", "index")
    ]
    async with open_native_provider(dsn) as provider:
        for size in SIZES:
            await _fill(provider, size)
        async with connected(libpq_dsn(dsn)) as connection:
            await connection.execute("VACUUM ANALYZE ninai_memories")
        for size in SIZES:
            for name, conditions in _ASKED.items():
                rows.append((str(size), name, *await _times(provider, Owner(f"u{size}"), conditions)))
    return iter(rows)


async def _fill(provider: PostgresMemoryProvider, size: int) -> None:
    random = Random(1)
    for first in range(0, size, _BATCH):
        memories = [
            NewMemory(
                owner=Owner(f"u{size}"),
                content=text_of(random, 25),
                session=f"s{number // 20}",
                metadata={"n": number, "topic": f"t{number % 10}", **{f"f{at}": f"v{number}" for at in range(5)}},
            )
            for number in range(first, first + _BATCH)
        ]
        await provider.store_many(memories)


async def _times(provider: PostgresMemoryProvider, owner: Owner, conditions: Conditions) -> tuple[str, ...]:
    words = Random(2)
    plain = RecallQuery(owner=owner, query="")
    asked = RecallQuery(
        owner=owner, query="", **{name: getattr(conditions, name) for name in Conditions.__struct_fields__}
    )
    binding = Binding((owner.key,))
    eligible = " AND ".join(conditions_sql(conditions, binding.bind))
    statement = binding.of(
        f"SELECT id FROM ninai_memories WHERE user_id = $1 AND deleted_at IS NULL AND {eligible}"  # noqa: S608 - fixed fragments
    )
    database = provider._database  # noqa: SLF001 - the statement that recalls had once

    async def by_statement() -> None:
        rows = await database.bound_rows(BoundSql(statement.text, statement.values))
        assert [str(row.id) for row in rows]

    async def by_index() -> None:
        await provider.find(replace(asked, query=text_of(words, _WORDS)))

    async def without() -> None:
        await provider.find(replace(plain, query=text_of(words, _WORDS)))

    await without()
    first = await _ms(by_index, 1, 1)
    for work in (by_statement, by_index):
        await work()
    measured = defaultdict[str, list[float]](list)
    for _ in range(ROUNDS):
        measured["without"].append(await _ms(without, 1, 1))
        measured["statement"].append(await _ms(by_statement, 1, 1))
        measured["index"].append(await _ms(by_index, 1, 1))
        measured["statements"].append(await _ms(by_statement, CLIENTS, 1))
        measured["indexes"].append(await _ms(by_index, CLIENTS, 1))
    middle = {name: statistics.median(times) for name, times in measured.items()}
    shown = (middle["without"], middle["statement"], first, middle["index"], middle["statements"], middle["indexes"])
    return tuple(f"{one:.2f}" for one in shown)


async def _ms(work: Callable[[], Awaitable[None]], clients: int, times: int) -> float:
    started = perf_counter()
    for _ in range(times):
        await asyncio.gather(*(work() for _ in range(clients)))
    return (perf_counter() - started) * 1000
