"""RerankingProvider: a provider whose answers to questions are put in order once more."""

import time
from collections.abc import Callable, Sequence

import structlog
from msgspec.structs import replace

from observability import notes
from observability.metrics import Metrics
from providers.answer_size import recall_within
from providers.answers import Found
from providers.base import MemoryProvider
from providers.batches import answer_all
from providers.errors import ProviderError
from providers.limits import check_batch
from providers.owners import Owner
from providers.reranking.base import Reranker, RerankerUnavailable
from providers.types import MemoryRecord, RecallQuery
from providers.wrapper import Call, OperationName, Result, Wrapper

# Why an answer is in the order that it had before.
NOT_RERANKED = "not_reranked"

PAUSE_SECONDS = 5.0  # after a failure, in which no question waits for another one
CONCURRENT_QUESTIONS = 4  # of one batch

_log = structlog.get_logger(__name__)


class RerankingProvider(Wrapper):
    """Ask for more answers than are wanted, and give the most relevant ones; without relevances, the best as ever.

    Scores stay those of the provider. A question that asks for an order of its own (recent, diverse, alike) gets that.
    """

    def __init__(
        self, provider: Callable[[], MemoryProvider], reranker: Reranker, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._provider, self._reranker, self._now = provider, reranker, now
        self._paused_until = 0.0

    async def through(self, operation: OperationName, call: Call[Result], size: int = 1) -> Result:  # noqa: ARG002 - see `Wrapper`
        """See `Wrapper`."""
        return await call(self._provider())

    def puts_keyed(self, owner: Owner) -> bool:
        """See `MemoryStore`."""
        return self._provider().puts_keyed(owner)

    async def find(self, query: RecallQuery) -> Found:
        """See `MemoryStore`."""
        if not _is_reranked(query):
            return await self._provider().find(query)
        found = await self._provider().find(self._widened(query))
        return await self._reranked(query, found)

    async def find_many(self, queries: Sequence[RecallQuery]) -> list[Found | ProviderError]:
        """See `MemoryStore`; a batch has no more answers than are wanted, and each question's order its own time."""
        check_batch("queries", queries)
        answers = await self._provider().find_many(queries)

        async def ordered(at: int) -> Found:
            answer, query = answers[at], queries[at]
            if isinstance(answer, ProviderError):
                raise answer
            return await self._reranked(query, answer) if _is_reranked(query) else answer

        return await answer_all(range(len(queries)), ordered, CONCURRENT_QUESTIONS)

    def _widened(self, query: RecallQuery) -> RecallQuery:
        most = self._reranker.candidates
        # The bound is that of what remains of the candidates.
        return query if query.limit >= most else replace(query, limit=most, most_bytes=None)

    async def _reranked(self, query: RecallQuery, found: Found) -> Found:
        """Return the answer in the order of relevance, as far as that is known, and else in the order that it has."""
        most = self._reranker.candidates
        first, others = found.memories[:most], found.memories[most:]
        try:
            with notes.timed("rerank"):
                relevances = await self._relevances(query.query, first)
        except RerankerUnavailable as error:
            self._failed(error)
            found = replace(found, degraded=(*found.degraded, NOT_RERANKED))
        else:
            places = sorted(range(len(first)), key=lambda place: _before(relevances[place]))
            first = [first[place] for place in places]
        memories = [*first, *others][: query.limit]
        explained = (
            [_placed(record, rank) for rank, record in enumerate(memories, 1)] if query.options.explain else memories
        )
        return await recall_within(replace(found, memories=explained), query.most_bytes)

    async def _relevances(self, question: str, records: Sequence[MemoryRecord]) -> list[float | None]:
        if len(records) <= 1:
            return [None] * len(records)
        if self._now() < self._paused_until:
            raise RerankerUnavailable("it failed a moment ago", retry_after=0.0)
        return await self._reranker.relevances(question, [record.content for record in records])

    def _failed(self, error: RerankerUnavailable) -> None:
        """Leave the reranker alone for a while, and say so once."""
        if self._now() < self._paused_until:
            return
        self._paused_until = self._now() + max(PAUSE_SECONDS, error.retry_after or 0.0)
        _log.warning("not_reranked", reason=error.reason)


def reranking(
    provider: Callable[[], MemoryProvider], reranker: Reranker | None, metrics: Metrics
) -> Callable[[], MemoryProvider]:
    """Return what gives the provider whose answers are reranked; the same provider without a reranker."""
    if reranker is None:
        return provider
    for operation in (OperationName.RECALL, OperationName.RECALL_MANY):
        metrics.degraded.labels(operation, NOT_RERANKED)  # so that a rate has a zero before the first one
    wrapped = RerankingProvider(provider, reranker)
    return lambda: wrapped


def _is_reranked(query: RecallQuery) -> bool:
    return not query.options.of_ranking and not query.options.alike


def _before(relevance: float | None) -> float:
    """Return what sorts the most relevant first, and what has no relevance last, as it stood."""
    return float("inf") if relevance is None else -relevance


def _placed(record: MemoryRecord, rank: int) -> MemoryRecord:
    if record.explanation is None:
        return record
    return replace(record, explanation=replace(record.explanation, rank=rank))
