"""The first page of a list by label and by metadata, of a user with 100,000 memories.

Pages by metadata are compared, in turns, with a statement that leaves the choice between the index and a walk along the
list to the planner.
"""

import asyncio
import statistics
from collections.abc import Iterator
from datetime import UTC, datetime
from time import perf_counter

from msgspec.structs import replace

from providers.filters import Contains, Eq
from providers.native.columns import RECORD, names
from providers.native.conditions_sql import conditions_sql
from providers.native.containment import contained_in
from providers.native.embedded import EmbeddedServer
from providers.native.filter_sql import json_of
from providers.native.paging import page_rows
from providers.native.provider import PostgresMemoryProvider
from providers.owners import Owner
from providers.postgres.bound_sql import Binding, BoundSql
from providers.types import Conditions, PageQuery, as_page
from tests.bench.load import table
from tests.support.native import open_native_provider
from tests.support.postgres import connected, reachable_folder

MEMORIES = 100_000
PAGES = 60
OWNER = Owner("everybody's friend")

# Half of the memories have two speakers; sessions have a hundred each, topics are 1 in 10, 100 and 10,000.
_FILL = """
    INSERT INTO ninai_memories (user_id, id, version, content, digest, created_at, terms, metadata, unknown, analysis)
    SELECT $1, gen_random_uuid(), number, content, '', now() - random() * interval '1000 s', ninai_terms(content),
        jsonb_build_object('ten', number % 10, 'hundred', number % 100, 'rare', number % 10000,
            'tags', jsonb_build_array(number % 10, 'x')),
        CASE WHEN number % 2 = 0 THEN json_build_object('first_version', number, 'session', 's' || number % 1000,
            'speaker', CASE WHEN number % 4 = 0 THEN 'user' ELSE 'assistant' END)::text
        ELSE json_build_object('first_version', number)::text END,
        '\\x01'::bytea -- so that nothing is analyzed beside what is measured
    FROM (SELECT number, 'tea of the day ' || number || repeat(' and more of it', 10) AS content
        FROM generate_series(1, $2::int) AS number ORDER BY random()) AS made
"""

_ASKED = {
    "everything": Conditions(),
    "session (50)": Conditions(session="s4"),
    "session, none": Conditions(session="none"),
    "speaker (25,000)": Conditions(speaker="user"),
    "session and speaker": Conditions(session="s4", speaker="user"),
    "metadata, 1 in 10": Conditions(where=Eq("ten", 3)),
    "metadata, 1 in 100": Conditions(where=Eq("hundred", 3)),
    "metadata, 1 in 10,000": Conditions(where=Eq("rare", 3)),
    "a list contains": Conditions(where=Contains("tags", 3)),
}


def main() -> None:
    """Fill a database, and list."""
    with reachable_folder() as folder, EmbeddedServer(folder / "postgres").running() as server:
        table(asyncio.run(_measure(server.dsn)))


async def _measure(dsn: str) -> Iterator[tuple[str, ...]]:
    async with open_native_provider(dsn) as provider:
        await provider.remember(OWNER.user, "the first one prepares the schema")
        async with connected(dsn) as connection:
            await connection.execute(_FILL, OWNER.user, MEMORIES)
            await connection.execute("VACUUM ANALYZE ninai_memories")
        rows = [("condition", "p50 ms", "p95 ms", "with total p50 ms", "by the planner p50 ms", "ratio")]
        for name, conditions in _ASKED.items():
            plain, total = await _times(provider, conditions), await _times(provider, conditions, total=True)
            p95 = statistics.quantiles(plain, n=20)[-1]
            row = (name, f"{statistics.median(plain):.1f}", f"{p95:.1f}", f"{statistics.median(total):.1f}")
            rows.append((*row, *(await _compared(provider, conditions) if conditions.where else ("", ""))))
    return iter(rows)


async def _compared(provider: PostgresMemoryProvider, conditions: Conditions) -> tuple[str, str]:
    """Return the time of the statement that the planner decides about, and what a whole page takes as a share of it."""
    query = replace(as_page(conditions, OWNER), now=datetime.now(UTC))
    left = _left_to_planner(query)
    times: dict[bool, list[float]] = {True: [], False: []}
    database = provider._database  # noqa: SLF001 - by the same connections
    for _ in range(PAGES // 2):
        for ours in (True, False):
            started = perf_counter()
            await (page_rows(database, query) if ours else database.bound_rows(left))
            times[ours].append((perf_counter() - started) * 1000)
    whole, planned = statistics.median(times[True]), statistics.median(times[False])
    return f"{planned:.1f}", f"{whole / planned:.0%}"


def _left_to_planner(query: PageQuery) -> BoundSql:
    """Return the statement of a page that names the index and the order, of which the planner may use either."""
    binding = Binding()
    bind = binding.bind
    eligible = [
        f"user_id = {bind(query.owner.key, 'text')} AND deleted_at IS NULL",
        *(f"metadata @> {bind(json_of(one), 'jsonb')}" for one in contained_in(query.where)),
        *conditions_sql(query, bind),
    ]
    page = f"""
        SELECT {names(RECORD)} FROM ninai_memories WHERE {" AND ".join(eligible)}
        ORDER BY created_at DESC, first_version DESC, id DESC LIMIT {bind(query.limit, "int")}
    """  # noqa: S608 - joined from fixed fragments; every value is bound
    return binding.of(page, planned_by_values=True)


async def _times(provider: PostgresMemoryProvider, conditions: Conditions, *, total: bool = False) -> list[float]:
    """Return the milliseconds of first pages; with the total they are fewer."""
    page = as_page(conditions, OWNER)
    query = PageQuery(owner=OWNER, total=total, **{name: getattr(page, name) for name in Conditions.__struct_fields__})
    times = []
    for _ in range(PAGES // 6 if total else PAGES):
        started = perf_counter()
        await provider.page(query)
        times.append((perf_counter() - started) * 1000)
    return times
