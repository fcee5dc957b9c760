"""Recall over Redis: by words, and by vectors where there is an embedder."""

from collections.abc import AsyncIterator

from providers.keyed.embedded_recall import EmbeddedRecall, entries_of
from providers.keyed.recall import MOST_RANKED, Candidates
from providers.keyed.vectors import EmbeddedState
from providers.owners import Owner
from providers.redis.nearest import VectorSets
from providers.redis.reader import RedisReader
from providers.redis.shelf import RedisShelf
from providers.search.questions import Question
from providers.search.recall_index.index import RecallIndex
from providers.types import RecallQuery


class RedisRecall(EmbeddedRecall):
    """Rank what is nearest by the vector and what is newest, where there are too many memories to rank them all."""

    def __init__(
        self, reader: RedisReader, shelf: RedisShelf, index: RecallIndex, sets: VectorSets, most: int = MOST_RANKED
    ) -> None:
        super().__init__(reader, shelf, index, most, vectors=shelf.vectors)
        self._found, self._states, self._sets = reader, shelf, sets

    async def candidates(self, query: RecallQuery, question: Question) -> Candidates:
        """See `Recall`; more than are ranked are those nearest by the vector, and then the newest."""
        nearest: list[str] = []
        if question.vectors and await self._found.count(query.owner) > self.most:
            for asked in question.vectors.values():
                nearest += await self._sets.around(query.owner, asked.text)
        return Candidates(entries_of(self._each(query.owner, nearest)), all_there_are=True)

    async def _each(self, owner: Owner, first: list[str]) -> AsyncIterator[EmbeddedState]:
        """Yield some memories as far as they live, and then all others, the newest first."""
        found = await self._states.embedded(owner, first) if first else {}
        for one in found.values():
            if not one.state.deleted:
                yield one
        async for other in self._found.everything(owner, order="newest"):
            if other.state.id not in found:
                yield other
