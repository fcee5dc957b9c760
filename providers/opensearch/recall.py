"""Recall over an index of the server, for owners with more memories than are ranked in this process."""

from collections.abc import AsyncIterator
from typing import Any

from providers.keyed.recall import MOST_RANKED, Candidates, Recall
from providers.keyed.shelf import Shelf
from providers.opensearch.reader import OpenSearchReader
from providers.search.recall_index.index import RecallIndex
from providers.types import RecallQuery, Snapshot


class OpenSearchRecall(Recall):
    """Rank what the server finds by the words of a question, where there are too many memories to rank them all."""

    def __init__(
        self, reader: OpenSearchReader, shelf: Shelf[Any], index: RecallIndex, most: int = MOST_RANKED
    ) -> None:
        super().__init__(reader, shelf, index, most)
        self._found = reader

    async def candidates(self, query: RecallQuery) -> Candidates:
        """See `Recall`."""
        if await self._found.count(query.owner) <= self.most:
            return await super().candidates(query)
        return Candidates(_each(await self._found.matching(query.owner, query.query)), all_there_are=False)


async def _each(states: list[Snapshot]) -> AsyncIterator[Snapshot]:
    for state in states:
        yield state
