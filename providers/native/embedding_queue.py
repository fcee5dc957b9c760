"""The embedding queue: a background task that embeds memories without a vector of the current model."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Row

from observability import tracing
from observability.metrics import Metrics
from providers.embedders.base import (
    MISCONFIGURED,
    REJECTED,
    TIMEOUT,
    UNAVAILABLE,
    Embedder,
    EmbedderUnavailable,
    Vector,
)
from providers.embedders.slicing import slices
from providers.embedding_progress import EmbeddingProgress
from providers.errors import ProviderError
from providers.native import statements
from providers.native.database import Database
from providers.native.embedder_change import EmbedderChange
from providers.native.halves import to_half
from providers.native.target_model import TargetModel
from providers.postgres.translate import UnexpectedSqlState

BATCH = 64  # memories in one call, if they are short

IDLE_SECONDS = 15.0  # between queries while no memory without a vector is reported
RETRY_SECONDS = 1.0  # after the embedder or the database failed
COUNT_SECONDS = 15.0  # between counts while there is work; a model change leaves millions to count

# Every embedder takes this; where it is refused, no memory is the cause.
PROBE = "hello"

# Memories over which the embedder fails and which are skipped, so that they do not hold up the others. Where there are
# more, their texts are not the cause, and all are tried again.
MOST_SKIPPED = 1_000

# Outcomes that the request may have caused: too much for its time, or a text over which the server breaks.
_OF_THE_BATCH = {UNAVAILABLE, TIMEOUT}

_log = structlog.get_logger(__name__)


class EmbeddingQueue:
    """Count the memories that wait for a vector, and embed them whenever embedder and database allow."""

    def __init__(
        self, database: Database, embedder: Embedder, metrics: Metrics, provider: str, change: EmbedderChange
    ) -> None:
        self._database = database
        self._embedder = embedder
        self._metrics = metrics
        self._provider = provider
        self._target = TargetModel(database, embedder.model)
        self._change = change
        self._wake = asyncio.Event()
        self._count_at = 0.0
        metrics.embeddings_refused.labels(provider)  # so that `rate()` sees zero before the first
        self._most = BATCH
        self._skipped: dict[tuple[str, UUID], int] = {}  # to the version over which the embedder failed

    def report(self, count: int) -> None:
        """Count memories that were stored without a vector just now, none or more."""
        if not count:
            return
        self._metrics.add_waiting(self._provider, count)
        self._wake.set()

    @property
    def progress(self) -> EmbeddingProgress | None:
        """How far the exchange of the embedder is, None while there is none."""
        return self._change.progress

    def begin_anew(self) -> None:
        """Forget what is known of the database: it is another one, or was put back to an earlier state."""
        self._target.forget()
        self._change.begin_anew()
        self._skipped.clear()
        self._count_at = 0.0
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            self._wake.clear()
            try:
                more = await self._embed_some()
            except EmbedderUnavailable as error:
                _log.debug("embedding_postponed", reason=str(error))
                # In a pause of minutes it still queries as often as without work, so that the gauge stays true.
                await asyncio.sleep(min(max(RETRY_SECONDS, error.retry_after or 0.0), IDLE_SECONDS))
            except ProviderError as error:
                _log.debug("embedding_postponed", reason=str(error))
                await asyncio.sleep(RETRY_SECONDS)
            except UnexpectedSqlState:
                _log.exception("embedding_failed")
                await asyncio.sleep(IDLE_SECONDS)
            else:
                if not more:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(IDLE_SECONDS):
                            await self._wake.wait()

    async def _embed_some(self) -> bool:
        """Embed one batch; return whether to go on at once."""
        ours = await self._target.is_ours()
        if ours and await self._change.take_back():
            return True
        rows = await self._waiting(again=ours)
        if not rows:
            # Only skipped ones are left; a pause follows their next failure, so trying them at once is no busy loop.
            again = bool(self._skipped)
            self._skipped.clear()
            return again or (ours and await self._change.completed())
        refused: list[Row[Any]] = []
        with tracing.root("embed later", {"ninai.provider": self._provider, "ninai.memories": len(rows)}):
            try:
                embedded = await self._embed(rows, refused)
            except EmbedderUnavailable as error:
                if error.outcome in _OF_THE_BATCH:
                    self._ask_less(rows)
                raise
            self._most = min(BATCH, 2 * self._most)
            await self._store([row for row, _ in embedded], [vector for _, vector in embedded])
            await self._refuse(refused)
        # Where every text is refused, going on at once would only waste requests.
        return bool(embedded)

    async def _waiting(self, *, again: bool) -> Sequence[Row[Any]]:
        sought = {"model": self._embedder.model, "again": again}
        values = sought | {
            "limit": self._most,
            "skipped_users": [user_id for user_id, _ in self._skipped],
            "skipped_ids": [memory_id for _, memory_id in self._skipped],
            "skipped_versions": list(self._skipped.values()),
        }
        rows = await self._database.rows(statements.WAITING, values)
        now = asyncio.get_running_loop().time()
        # Reports change the gauge between counts; where the two overlap, it is wrong until the next count.
        if len(rows) < self._most and not self._skipped:
            await self._show(len(rows), again=again)
        elif not rows or now >= self._count_at:
            [row] = await self._database.rows(statements.COUNT_WAITING, sought)
            await self._show(row.waiting, again=again)
            self._count_at = now + COUNT_SECONDS
        return rows[: len(next(slices((row.content for row in rows), self._embedder.slice_chars), []))]

    async def _show(self, waiting: int, *, again: bool) -> None:
        self._metrics.set_waiting(self._provider, waiting)
        if again and waiting:
            await self._change.goes_on(waiting)

    async def _embed(self, rows: Sequence[Row[Any]], refused: list[Row[Any]]) -> list[tuple[Row[Any], Vector]]:
        """Embed what can be embedded; add the others to `refused`."""
        try:
            return list(zip(rows, await self._embedder.embed([row.content for row in rows]), strict=True))
        except EmbedderUnavailable as error:
            if error.outcome != REJECTED:
                raise
        # One text that the embedder will not take must not hold up the others.
        if len(rows) == 1:
            refused.append(rows[0])
            return []
        middle = len(rows) // 2
        return await self._embed(rows[:middle], refused) + await self._embed(rows[middle:], refused)

    def _ask_less(self, rows: Sequence[Row[Any]]) -> None:
        """Take half as many the next time; skip a single memory over which the embedder fails."""
        self._most = max(1, len(rows) // 2)
        if len(rows) == 1:
            if len(self._skipped) >= MOST_SKIPPED:
                self._skipped.clear()
            self._skipped[rows[0].user_id, rows[0].id] = rows[0].version

    async def _refuse(self, rows: Sequence[Row[Any]]) -> None:
        """Store that this model takes no vector of these memories: they are found by their words, and wait no longer.

        Raises:
            EmbedderUnavailable: it takes no other text either, so these memories are not the cause.
        """
        if not rows:
            return
        try:
            await self._embedder.embed([PROBE])
        except EmbedderUnavailable as error:
            if error.outcome != REJECTED:
                raise
            reason = f"it takes no text at all: {error.reason}"
            raise EmbedderUnavailable(reason, outcome=MISCONFIGURED, retry_after=IDLE_SECONDS) from error
        values = {"model": self._embedder.model, **_keys(rows)}
        count = await self._database.change(statements.SET_REFUSED, values)
        self._metrics.embeddings_refused.labels(self._provider).inc(count)
        self._metrics.add_waiting(self._provider, -count)
        for row in rows:
            _log.warning("embedding_refused", memory_id=str(row.id), model=self._embedder.model)

    async def _store(self, rows: Sequence[Row[Any]], vectors: Sequence[Vector]) -> None:
        if not rows:
            return
        embeddings = list(map(to_half, vectors))
        former = self._change.former
        values = {"model": self._embedder.model, "embeddings": embeddings, "former": former, **_keys(rows)}
        stored = await self._database.change(statements.SET_EMBEDDINGS, values)
        self._metrics.add_waiting(self._provider, -stored)
        _log.info("embedded_later", count=stored)


def _keys(rows: Sequence[Row[Any]]) -> dict[str, list[Any]]:
    return {
        "user_ids": [row.user_id for row in rows],
        "ids": [row.id for row in rows],
        "versions": [row.version for row in rows],
    }
