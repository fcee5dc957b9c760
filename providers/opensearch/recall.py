"""Recall over an index of the server: by words, and by vectors where there is an embedder."""

from typing import Any

from providers.keyed.embedded_recall import EmbeddedRecall, entries_of, these
from providers.keyed.recall import MOST_RANKED, Candidates
from providers.keyed.shelf import Shelf
from providers.opensearch.reader import OpenSearchReader
from providers.opensearch.vectors import IndexVectors
from providers.search.questions import Question
from providers.search.recall_index.index import RecallIndex
from providers.types import RecallQuery


class OpenSearchRecall(EmbeddedRecall):
    """Rank what the server finds by words and by vectors, where there are too many memories to rank them all."""

    def __init__(
        self,
        reader: OpenSearchReader,
        shelf: Shelf[Any],
        index: RecallIndex,
        most: int = MOST_RANKED,
        *,
        vectors: IndexVectors,
    ) -> None:
        super().__init__(reader, shelf, index, most, vectors=vectors)
        self._found = reader

    async def candidates(self, query: RecallQuery, question: Question) -> Candidates:
        """See `Recall`; of more than are ranked, those that match best by words, and those nearest by the vector."""
        if await self._found.count(query.owner) <= self.most:
            return Candidates(entries_of(self._found.newest(query.owner)), all_there_are=True)
        found = {one.state.id: one for one in await self._found.matching(query.owner, query.query)}
        for asked in question.vectors.values():
            found |= {one.state.id: one for one in await self._found.nearest(query.owner, asked.text)}
        return Candidates(entries_of(these(found.values())), all_there_are=False)
