"""The exchange of an embedder: each memory has a vector of either model until all have one of the new.

The vector that is replaced moves beside the new one, where its model is one of the former embedders: so it goes on
answering, and takes its place again, without being computed, where the former embedder becomes the current one.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import Row

from observability.metrics import Metrics
from providers.embedding_progress import EmbeddingProgress
from providers.native import statements
from providers.native.database import Database
from providers.native.vectors import Vectors

BATCH = 500  # memories whose vectors change places, or are dropped, in one statement

_log = structlog.get_logger(__name__)


class EmbedderChange:
    """Keep former vectors as long as they are needed, and tell how far the exchange is.

    `kept` is the seconds that former vectors stay once all memories have a new one: processes with the former embedder
    may still run, and an operator may want to go back.
    """

    def __init__(self, database: Database, vectors: Vectors, metrics: Metrics, provider: str, kept: float) -> None:
        self._database, self._vectors, self._kept = database, vectors, kept
        self._model, *self.former = vectors.models
        self._metrics, self._provider = metrics, provider
        self._complete_since: float | None = None
        self.progress: EmbeddingProgress | None = None
        metrics.set_embedder_change(provider, 1.0)

    def begin_anew(self) -> None:
        """Forget what is known of the database: it is another one, or was put back to an earlier state."""
        self._complete_since = None
        self._vectors.in_two_models = bool(self.former)

    async def take_back(self) -> bool:
        """Let vectors that are there of the current model take their place again; return whether there were any."""
        rows = await self._with_former(self._model)
        if not rows:
            return False
        values = {"model": self._model, "former": self.former, **_keys(rows)}
        count = await self._database.change(statements.TAKE_BACK, values)
        self._metrics.add_waiting(self._provider, -count)
        _log.info("former_embeddings_taken_back", model=self._model, count=count)
        return True

    async def goes_on(self, waiting: int) -> None:
        """Tell how far it is, when memories wait for a vector of the current model."""
        self._complete_since = None
        if not self.former:
            return
        [row] = await self._database.rows(statements.EMBEDDED, {"model": self._model})
        self._vectors.in_two_models = True
        self.progress = EmbeddingProgress(model=self._model, embedded=row.embedded, waiting=waiting)
        self._metrics.set_embedder_change(self._provider, self.progress.ratio)

    async def completed(self) -> bool:
        """Drop some former vectors, if they have been kept for long enough; return whether there may be more.

        Call it when all memories have a vector of the current model, or can have none.
        """
        now = asyncio.get_running_loop().time()
        if self._complete_since is None:
            self._complete_since = now
        self.progress = None
        self._metrics.set_embedder_change(self._provider, 1.0)
        if now - self._complete_since < self._kept:
            return False
        self._vectors.in_two_models = False
        rows = await self._with_former(None)
        if rows:
            count = await self._database.change(statements.DROP_FORMER, _keys(rows))
            _log.info("former_embeddings_dropped", count=count)
        return bool(rows)

    async def _with_former(self, model: str | None) -> Sequence[Row[Any]]:
        return await self._database.rows(statements.WITH_FORMER, {"model": model, "limit": BATCH})


def _keys(rows: Sequence[Row[Any]]) -> dict[str, list[Any]]:
    return {"user_ids": [row.user_id for row in rows], "ids": [row.id for row in rows]}
