"""The search statement with and without its covering index, and the growth of its time with a user's memories."""

import asyncio
import statistics
from collections.abc import Iterator
from random import Random
from time import perf_counter

from pgvector import HalfVector

from providers.native.embedded import EmbeddedServer
from providers.native.engine import open_engine
from providers.native.schema import Schema
from tests.bench.load import table
from tests.bench.service import Bare, text_of
from tests.support.postgres import reachable_folder

SIZES = {100: 200, 1_000: 100, 10_000: 10}  # memories of a user: users of that size
QUESTIONS = 200

_FILL = """
    INSERT INTO ninai_memories
        (user_id, id, version, content, digest, created_at, embedding_model, embedding, terms)
    SELECT user_id, gen_random_uuid(), 1, content, '', now(), 'local/l2_supercat_256', embedding, ninai_terms(content)
    FROM unnest($1::text[], $2::text[], $3::halfvec[]) AS new (user_id, content, embedding)
    ORDER BY random()
"""


def main() -> None:
    """Fill a database, ask, drop the index, ask again."""
    with reachable_folder() as folder, EmbeddedServer(folder / "postgres").running() as server:
        table(asyncio.run(_measure(server.dsn)))


async def _measure(dsn: str) -> Iterator[tuple[str, ...]]:
    async with open_engine(dsn, pool_size=10) as engine:
        await Schema(engine).upgrade()
    bare = await Bare.connect(dsn, Random(1))
    try:
        await _fill(bare)
        with_index = {size: await _median_ms(bare, size) for size in SIZES}
        await bare.connection.execute("DROP INDEX ninai_memories_search")
        without = {size: await _median_ms(bare, size) for size in SIZES}
    finally:
        await bare.close()
    rows = [("memories of the user", "covering index ms", "heap ms", "ratio")]
    rows += [
        (str(size), f"{with_index[size]:.2f}", f"{without[size]:.2f}", f"{without[size] / with_index[size]:.1f}x")
        for size in SIZES
    ]
    return iter(rows)


async def _fill(bare: Bare) -> None:
    random = Random(2)
    users = [user for size, count in SIZES.items() for user in _users(size) for _ in range(size)]
    random.shuffle(users)  # so that a user's rows lie scattered, as they do when many users write in turns
    for start in range(0, len(users), 5_000):
        some = users[start : start + 5_000]
        await bare.connection.execute(
            _FILL, some, [text_of(random, 20) for _ in some], [HalfVector(bare.vector()) for _ in some]
        )
    await bare.connection.execute("VACUUM ANALYZE ninai_memories")


def _users(size: int) -> list[str]:
    return [f"{size}-{number}" for number in range(SIZES[size])]


async def _median_ms(bare: Bare, size: int) -> float:
    times = []
    users = _users(size)
    for number in range(QUESTIONS):
        started = perf_counter()
        await bare.recall(users[number % len(users)])
        times.append((perf_counter() - started) * 1000)
    return statistics.median(times)
