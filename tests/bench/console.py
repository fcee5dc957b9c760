"""The pages of the memory browser over PostgreSQL, with 10,000 users and one who has 100,000 memories."""

import asyncio
import statistics
from collections.abc import Iterator
from time import perf_counter

import httpx
from litestar import Litestar

from tests.bench.load import table
from tests.support.api import asgi_client, running_app
from tests.support.native import open_native_provider
from tests.support.postgres import connected, reachable_folder, running_server

USERS = 10_000
MEMORIES = 100_000  # of one of them; the others have ten each
PAGES = 30
BUSY = "user-05000"

_FILL = """
    INSERT INTO ninai_memories (user_id, id, version, content, digest, created_at, terms, unknown)
    SELECT 'user-' || lpad((number % $1)::text, 5, '0'), gen_random_uuid(), number, content, '', now(),
        ninai_terms(content), json_build_object('first_version', number)::text
    FROM (SELECT number, 'tea of the day ' || number AS content FROM generate_series(1, $2::int) AS number) AS made
"""
_BUSY = """
    INSERT INTO ninai_memories (user_id, id, version, content, digest, created_at, terms, unknown)
    SELECT $1, gen_random_uuid(), 1000000 + number, content, '', now() - number * interval '1 s',
        ninai_terms(content), json_build_object('first_version', 1000000 + number)::text
    FROM (SELECT number, 'coffee of the day ' || number AS content FROM generate_series(1, $2::int) AS number) AS made
"""
_ASKED = {
    "users, the first page": "/console/users",
    "users, by a beginning": "/console/users?prefix=user-09",
    "users, behind the 5,000th": "/console/users?after=user-05000",
    "memories of a user with 10": "/console/memories?user=user-00007",
    "memories of one with 100,000": f"/console/memories?user={BUSY}",
    "recall of a user with 10": "/console/memories?user=user-00007&query=tea",
    "recall of one with 100,000": f"/console/memories?user={BUSY}&query=coffee",
}


def main() -> None:
    """Fill a database, and turn pages."""
    with reachable_folder(), running_server(18) as server:
        table(asyncio.run(_measure(server.dsn)))


async def _measure(dsn: str) -> Iterator[tuple[str, ...]]:
    async with open_native_provider(dsn) as provider:
        await provider.remember("user-00000", "the first one prepares the schema")
    async with connected(dsn) as connection:
        await connection.execute(_FILL, USERS, USERS * 10)
        await connection.execute(_BUSY, BUSY, MEMORIES)
        await connection.execute("VACUUM ANALYZE ninai_memories")
    environ = {"NINAI__ORDER": '["native"]', "NINAI__PROVIDERS__NATIVE__DSN": dsn}
    async with running_app({**environ, "NINAI__PROVIDERS__NATIVE__KIND": "native"}) as app:
        return iter([("page", "p50 ms", "p95 ms"), *await _rows(app)])


async def _rows(app: Litestar) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    async with asgi_client(app) as http:
        for name, path in _ASKED.items():
            took = sorted([await _seconds(http, path) for _ in range(PAGES + 1)][1:])
            rows.append((name, f"{statistics.median(took) * 1000:.1f}", f"{took[int(PAGES * 0.95)] * 1000:.1f}"))
    return rows


async def _seconds(http: httpx.AsyncClient, path: str) -> float:
    began = perf_counter()
    response = await http.get(path)
    assert response.status_code == httpx.codes.OK, response.text
    return perf_counter() - began
