"""Recall over an index of the server: by words, and by vectors where there is an embedder."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from observability import notes
from providers.keyed.recall import MOST_RANKED, Candidates, Read, Recall
from providers.keyed.shelf import Shelf
from providers.opensearch.reader import OpenSearchReader
from providers.opensearch.vectors import EmbeddedState, IndexVectors
from providers.search.entries import Vector
from providers.search.pending import PendingEntry
from providers.search.questions import Question
from providers.search.recall_index.index import RecallIndex
from providers.types import RecallQuery, Snapshot


class OpenSearchRecall(Recall):
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
        super().__init__(reader, shelf, index, most)
        self._found, self._vectors = reader, vectors

    async def read(self, query: RecallQuery) -> Read:
        """See `Recall`."""
        with notes.timed("embed"):
            return Read(*await self._vectors.asked(query.query))

    async def pending(self, states: Sequence[Snapshot]) -> list[PendingEntry]:
        """See `Recall`."""
        entries = await super().pending(states)
        made = await self._vectors.of_texts([one.record.content for one in entries])
        return [
            one if vector is None or vector.values is None else _with(one, {vector.model: vector.values})
            for one, vector in zip(entries, made, strict=True)
        ]

    async def candidates(self, query: RecallQuery, question: Question) -> Candidates:
        """See `Recall`; of more than are ranked, those that match best by words, and those nearest by the vector."""
        if await self._found.count(query.owner) <= self.most:
            return Candidates(_each(self._found.newest(query.owner)), all_there_are=True)
        found = {one.state.id: one for one in await self._found.matching(query.owner, query.query)}
        for asked in question.vectors.values():
            found |= {one.state.id: one for one in await self._found.nearest(query.owner, asked.text)}
        return Candidates(_some(found.values()), all_there_are=False)


def _with(one: PendingEntry, vectors: dict[str, Vector]) -> PendingEntry:
    return PendingEntry(replace(one.entry, vectors=vectors), one.record)


async def _each(states: AsyncIterator[EmbeddedState]) -> AsyncIterator[PendingEntry]:
    async for state in states:
        yield state.entry


async def _some(states: Iterable[EmbeddedState]) -> AsyncIterator[PendingEntry]:
    for state in states:
        yield state.entry
