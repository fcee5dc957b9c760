"""The background task that embeds memories stored without a vector of the current model."""

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog
from pgvector import HalfVector
from sqlalchemy import Row

from observability.metrics import Metrics
from providers.embedders.base import REJECTED, Embedder, EmbedderUnavailable, Vector
from providers.errors import ProviderError
from providers.native import statements
from providers.native.database import Database

BATCH = 64
IDLE_SECONDS = 15.0  # between looks when nobody has reported a memory without a vector
RETRY_SECONDS = 1.0  # after the embedder or the database failed

_log = structlog.get_logger(__name__)


class Backlog:
    """Memories that wait for a vector: counts them, and embeds them whenever embedder and database allow."""

    def __init__(self, database: Database, embedder: Embedder, metrics: Metrics, provider: str) -> None:
        self._database = database
        self._embedder = embedder
        self._metrics = metrics
        self._provider = provider
        self._wake = asyncio.Event()
        self._refused: set[tuple[str, str]] = set()

    def report(self, count: int) -> None:
        """Take note that so many memories were stored without a vector just now."""
        if count:
            self._metrics.add_waiting(self._provider, count)
            self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                more = await self._embed_some()
                pause = 0.0 if more else IDLE_SECONDS
            except (EmbedderUnavailable, ProviderError) as error:
                _log.debug("embedding_postponed", reason=str(error))
                pause = RETRY_SECONDS
            await self._rest(pause)

    async def _rest(self, seconds: float) -> None:
        if seconds == IDLE_SECONDS:
            try:
                async with asyncio.timeout(seconds):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
        else:
            await asyncio.sleep(seconds)

    async def _embed_some(self) -> bool:
        """Embed one batch; True when there is more that can be done."""
        async with self._database.reading() as connection:
            waiting = await connection.scalar(statements.COUNT_WAITING, {"model": self._embedder.model})
            self._metrics.set_waiting(self._provider, waiting or 0)
            if not waiting:
                return False
            values = {"model": self._embedder.model, "limit": BATCH + len(self._refused)}
            found = (await connection.execute(statements.WAITING, values)).all()
        rows = [row for row in found if (row.user_id, str(row.id)) not in self._refused][:BATCH]
        if not rows:
            return False
        embedded = await self._embed(rows)
        await self._store([row for row, _ in embedded], [vector for _, vector in embedded])
        return True

    async def _embed(self, rows: Sequence[Row[Any]]) -> list[tuple[Row[Any], Vector]]:
        try:
            return list(zip(rows, await self._embedder.embed([row.content for row in rows]), strict=True))
        except EmbedderUnavailable as error:
            if error.outcome != REJECTED:
                raise
        # One text that the embedder will not take must not hold up the others.
        if len(rows) == 1:
            self._refused.add((rows[0].user_id, str(rows[0].id)))
            _log.warning("embedding_refused", memory_id=str(rows[0].id))
            return []
        middle = len(rows) // 2
        return await self._embed(rows[:middle]) + await self._embed(rows[middle:])

    async def _store(self, rows: Sequence[Row[Any]], vectors: Sequence[Vector]) -> None:
        values = {
            "model": self._embedder.model,
            "user_ids": [row.user_id for row in rows],
            "ids": [row.id for row in rows],
            "versions": [row.version for row in rows],
            "embeddings": [HalfVector(vector) for vector in vectors],
        }
        async with self._database.writing() as connection:
            await connection.execute(statements.SET_EMBEDDINGS, values)
        _log.info("embedded_later", count=len(rows))
