"""A process that writes one user's memories in every way there is, until it is killed.

`python -m tests.support.restless_writer DSN USER SEED ERASURES`; of some hundred writes, so many erase everything.
"""

import asyncio
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import uuid4

import asyncpg

from providers.erasure.fences import Fence, hash_of
from providers.errors import ProviderError
from providers.native.provider import PostgresMemoryProvider
from providers.owners import Owner
from providers.states.clock import HybridClock
from providers.types import Deletion, Edit, NewMemory
from tests.support.native import FickleEmbedder, HashingEmbedder, open_native_provider
from tests.support.postgres import libpq_dsn

KEY = "00112233445566778899aabbccddeeff"  # of the fences; one for all processes
DIMS = 8
TASKS = 2
LONGEST_PAUSE = 0.05  # seconds between two writes, so that readers get their share of the processor
MOST = 60  # memories, beyond which more are deleted than stored

_ANY = "SELECT id, version FROM ninai_memories WHERE user_id = $1 AND deleted_at IS NULL ORDER BY random() LIMIT 1"
_INSERT = """
    INSERT INTO ninai_memories (user_id, id, version, content, digest, created_at, terms)
    VALUES ($1, $2, $3, 'slow tea', '', now(), ninai_terms('slow tea'))
"""
_EMBED = """
    UPDATE ninai_memories SET embedding = CAST(CAST($2 AS text) AS halfvec), embedding_model = 'test/hashing'
    WHERE user_id = $1 AND deleted_at IS NULL AND embedding IS NULL
"""
_COUNT = "SELECT count(*) FROM ninai_memories WHERE user_id = $1 AND deleted_at IS NULL"
_VECTOR = str([1, *[0] * (DIMS - 1)])


class RolledBack(Exception):
    """Undo a transaction."""


class Writer:
    """Do one thing after the other, as chance will have it."""

    def __init__(
        self, provider: PostgresMemoryProvider, embedder: FickleEmbedder, user: str, seed: int, erasures: float
    ) -> None:
        self._provider, self._embedder, self._owner = provider, embedder, Owner(user)
        self._chance = Random(seed)  # noqa: S311 - it chooses what to write
        self._clock = HybridClock()
        self._erasures = erasures

    async def run(self, dsn: str) -> None:
        """Write until somebody ends the process; what the database refuses or breaks off was not to be."""
        ways = {self._store: 33.0, self._change: 21, self._delete: 17, self._slowly: 17, self._embed: 12}
        ways[self._erase] = self._erasures
        while True:
            with suppress(
                ProviderError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError
            ):
                connection = await asyncpg.connect(dsn)
                try:
                    while True:
                        [way] = self._chance.choices([*ways], [*ways.values()])
                        if way == self._store and await connection.fetchval(_COUNT, self._owner.key) > MOST:
                            way = self._delete
                        await way(connection)
                        await asyncio.sleep(self._chance.random() * LONGEST_PAUSE)
                finally:
                    connection.terminate()

    async def _store(self, _connection: asyncpg.Connection) -> None:
        expires = None
        if self._chance.random() < 0.2:
            expires = datetime.now(UTC) + timedelta(milliseconds=self._chance.randrange(50, 1_500))
        self._embedder.down = self._chance.random() < 0.3
        some = [
            NewMemory(
                owner=self._owner,
                content=f"tea {self._chance.randrange(1_000)}",
                expires_at=expires,
                metadata={"by": self._chance.randrange(10)},
            )
            for _ in range(self._chance.choice([1, 1, 1, 5]))
        ]
        await self._provider.store_many(some)

    async def _change(self, connection: asyncpg.Connection) -> None:
        row = await connection.fetchrow(_ANY, self._owner.key)
        if row is not None:
            content = f"coffee {self._chance.randrange(1_000)}"
            await self._provider.change(Edit(owner=self._owner, memory_id=str(row["id"]), content=content))

    async def _delete(self, connection: asyncpg.Connection) -> None:
        row = await connection.fetchrow(_ANY, self._owner.key)
        if row is not None:
            await self._provider.erase(Deletion(owner=self._owner, memory_id=str(row["id"])))

    async def _slowly(self, connection: asyncpg.Connection) -> None:
        """Commit after others who took their versions later, or not at all."""
        version = self._clock.next()
        with suppress(RolledBack):
            async with connection.transaction():
                await connection.execute(_INSERT, self._owner.key, uuid4(), version)
                await asyncio.sleep(self._chance.random() * 0.05)
                if self._chance.random() < 0.3:
                    raise RolledBack

    async def _embed(self, connection: asyncpg.Connection) -> None:
        await connection.execute(_EMBED, self._owner.key, _VECTOR)

    async def _erase(self, _connection: asyncpg.Connection) -> None:
        version = self._clock.next()
        fence = Fence(key=KEY, hash=hash_of(KEY, self._owner.key), version=version, erased_at=time.time())
        await self._provider.put_fences([fence])
        while await self._provider.purge(self._owner, version):
            pass


async def _main(dsn: str, user: str, seed: int, erasures: float) -> None:
    embedder = FickleEmbedder(HashingEmbedder(DIMS))
    async with open_native_provider(dsn, embedder, migrate=False) as provider:
        writers = (Writer(provider, embedder, user, seed * TASKS + number, erasures) for number in range(TASKS))
        await asyncio.gather(*(writer.run(libpq_dsn(dsn)) for writer in writers))


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
