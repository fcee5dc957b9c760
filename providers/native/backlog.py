"""The background task that embeds memories without a vector of the current model."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import structlog
from pgvector import HalfVector
from sqlalchemy import Row

from observability import tracing
from observability.metrics import Metrics
from providers.embedders.base import REJECTED, Embedder, EmbedderUnavailable, Vector
from providers.errors import ProviderError
from providers.native import statements
from providers.native.database import Database
from providers.native.slices import slices
from providers.native.wanted import WantedModel
from providers.postgres.translate import UnexpectedSqlState

BATCH = 64  # memories in one call, if they are short

IDLE_SECONDS = 15.0  # between looks when nobody has reported a memory without a vector
RETRY_SECONDS = 1.0  # after the embedder or the database failed
COUNT_SECONDS = 15.0  # between counts while there is work; a model change leaves millions to count

# Memories whose text the embedder will not take, kept so that they do not stand in the way of the others. More than
# that is no matter of texts, and all are tried again.
MOST_REFUSED = 1_000

_log = structlog.get_logger(__name__)


class Backlog:
    """Memories that wait for a vector: counts them, and embeds them whenever embedder and database allow."""

    def __init__(self, database: Database, embedder: Embedder, metrics: Metrics, provider: str) -> None:
        self._database = database
        self._embedder = embedder
        self._metrics = metrics
        self._provider = provider
        self._wanted = WantedModel(database, embedder.model)
        self._wake = asyncio.Event()
        self._count_at = 0.0
        self._refused: dict[tuple[str, UUID], int] = {}  # to the version that was refused

    def report(self, count: int) -> None:
        """Take note that so many memories were stored without a vector just now, none or more."""
        if not count:
            return
        self._metrics.add_waiting(self._provider, count)
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            self._wake.clear()
            try:
                more = await self._embed_some()
            except (EmbedderUnavailable, ProviderError) as error:
                _log.debug("embedding_postponed", reason=str(error))
                await asyncio.sleep(RETRY_SECONDS)
            except UnexpectedSqlState:
                _log.exception("embedding_failed")
                await asyncio.sleep(IDLE_SECONDS)
            else:
                if not more:
                    await self._rest()

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _embed_some(self) -> bool:
        """Embed one batch; True when it is worth going on at once."""
        rows = await self._waiting()
        if not rows:
            return False
        with tracing.root("embed later", {"ninai.provider": self._provider, "ninai.memories": len(rows)}):
            embedded = await self._embed(rows)
            await self._store([row for row, _ in embedded], [vector for _, vector in embedded])
        # Where every text is refused, the fault is hardly with the texts, and haste would only burn requests.
        return bool(embedded)

    async def _waiting(self) -> Sequence[Row[Any]]:
        sought = {"model": self._embedder.model, "again": await self._wanted.is_ours()}
        values = sought | {
            "limit": BATCH,
            "refused_users": [user_id for user_id, _ in self._refused],
            "refused_ids": [memory_id for _, memory_id in self._refused],
            "refused_versions": list(self._refused.values()),
        }
        async with self._database.reading() as connection:
            rows = (await connection.execute(statements.WAITING, values)).all()
            now = asyncio.get_running_loop().time()
            # What is added and taken away in between is off for a while when a count and a report meet.
            if len(rows) < BATCH and not self._refused:
                self._metrics.set_waiting(self._provider, len(rows))
            elif not rows or now >= self._count_at:
                count = await connection.scalar(statements.COUNT_WAITING, sought)
                self._metrics.set_waiting(self._provider, count or 0)
                self._count_at = now + COUNT_SECONDS
        return rows[: len(next(slices(row.content for row in rows), []))]

    async def _embed(self, rows: Sequence[Row[Any]]) -> list[tuple[Row[Any], Vector]]:
        try:
            return list(zip(rows, await self._embedder.embed([row.content for row in rows]), strict=True))
        except EmbedderUnavailable as error:
            if error.outcome != REJECTED:
                raise
        # One text that the embedder will not take must not hold up the others.
        if len(rows) == 1:
            self._refuse(rows[0])
            return []
        middle = len(rows) // 2
        return await self._embed(rows[:middle]) + await self._embed(rows[middle:])

    def _refuse(self, row: Row[Any]) -> None:
        if len(self._refused) >= MOST_REFUSED:
            self._refused.clear()
        self._refused[row.user_id, row.id] = row.version
        _log.warning("embedding_refused", memory_id=str(row.id))

    async def _store(self, rows: Sequence[Row[Any]], vectors: Sequence[Vector]) -> None:
        if not rows:
            return
        values = {
            "model": self._embedder.model,
            "user_ids": [row.user_id for row in rows],
            "ids": [row.id for row in rows],
            "versions": [row.version for row in rows],
            "embeddings": [HalfVector(vector) for vector in vectors],
        }
        async with self._database.writing() as connection:
            stored = (await connection.execute(statements.SET_EMBEDDINGS, values)).rowcount
        self._metrics.add_waiting(self._provider, -stored)
        _log.info("embedded_later", count=stored)
