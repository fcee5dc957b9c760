"""Recall over a store of states by words, and by vectors where there is an embedder."""

from abc import ABC
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from providers.keyed.reader import Reader
from providers.keyed.recall import MOST_RANKED, Recall
from providers.keyed.shelf import Shelf
from providers.keyed.vectors import EmbeddedState, StateVectors
from providers.search.entries import Vector
from providers.search.pending import PendingEntry
from providers.search.recall_index.index import RecallIndex
from providers.search.recall_index.ranked import Read
from providers.types import RecallQuery, Snapshot


class EmbeddedRecall(Recall, ABC):
    """Have questions and what they bring embedded; which memories are ranked without an index is the store's matter."""

    def __init__(
        self,
        reader: Reader,
        shelf: Shelf[Any],
        index: RecallIndex,
        most: int = MOST_RANKED,
        *,
        vectors: StateVectors,
    ) -> None:
        super().__init__(reader, shelf, index, most)
        self._vectors = vectors

    async def read(self, query: RecallQuery) -> Read:
        """See `Recall`."""
        return Read(*await self._vectors.asked(query.query))

    async def pending(self, states: Sequence[Snapshot]) -> list[PendingEntry]:
        """See `Recall`."""
        entries = await super().pending(states)
        made = await self._vectors.of_texts([one.record.content for one in entries])
        return [
            one if vector is None or vector.values is None else _with(one, {vector.model: vector.values})
            for one, vector in zip(entries, made, strict=True)
        ]


async def entries_of(states: AsyncIterator[EmbeddedState]) -> AsyncIterator[PendingEntry]:
    """Yield living memories as a ranking sees them."""
    async for state in states:
        yield state.entry


async def these(states: Iterable[EmbeddedState]) -> AsyncIterator[EmbeddedState]:
    """Yield states one after the other."""
    for state in states:
        yield state


def _with(one: PendingEntry, vectors: Mapping[str, Vector]) -> PendingEntry:
    return PendingEntry(replace(one.entry, vectors=vectors), one.record)
