"""Recall over Redis: by words, and by vectors where there is an embedder."""

from collections.abc import AsyncIterator, Sequence

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

# Memories that are ranked by their words beside those that a vector set names. As many as are ranked without one would
# take a process more than ten seconds for each question.
MOST_BESIDE = 5_000


class RedisRecall(EmbeddedRecall):
    """Rank what is nearest by the vector and what is newest, where there are too many memories to rank them all."""

    def __init__(
        self, reader: RedisReader, shelf: RedisShelf, index: RecallIndex, sets: VectorSets, most: int = MOST_RANKED
    ) -> None:
        super().__init__(reader, shelf, index, most, vectors=shelf.vectors)
        self._found, self._states, self._sets = reader, shelf, sets
        self.most_beside = MOST_BESIDE

    async def candidates(self, query: RecallQuery, question: Question) -> Candidates:
        """See `Recall`; of more than are ranked those nearest by the vector, and some of the newest.

        As long as there is no set of all vectors, as many of the newest as are ranked without one.
        """
        owner = query.owner
        if not question.vectors or await self._found.count(owner) <= self.most:
            return Candidates(entries_of(self._newest(owner)), all_there_are=True)
        [asked] = question.vectors.values()
        nearest = await self._sets.around(owner, asked.text)
        beside = self.most_beside if nearest.whole else self.most
        return Candidates(entries_of(self._chosen(owner, nearest.ids, beside)), all_there_are=False)

    def _newest(self, owner: Owner) -> AsyncIterator[EmbeddedState]:
        return self._found.everything(owner, order="newest")

    async def _chosen(self, owner: Owner, ids: Sequence[str], beside: int) -> AsyncIterator[EmbeddedState]:
        """Yield some memories as far as they live, and then some of the newest."""
        found = await self._states.embedded(owner, ids)
        for one in found.values():
            if not one.state.deleted:
                yield one
        left = beside
        async for other in self._newest(owner):
            if left == 0:
                return
            left -= 1
            if other.state.id not in found:
                yield other
