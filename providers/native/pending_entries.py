"""Pending memories as a ranking sees them, each embedded once however often it is asked about."""

from collections import OrderedDict
from collections.abc import Sequence

from providers.native.vectors import Vectors
from providers.search.entries import Entry
from providers.search.pending import PendingEntry
from providers.types import Snapshot

MOST_KEPT = 4_096  # entries, of 2 kB and a content each


class PendingEntries:
    """Keep the entries that were asked for last, by owner, id and version."""

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors
        self._kept: OrderedDict[tuple[str, str, int], PendingEntry] = OrderedDict()

    async def of(self, states: Sequence[Snapshot]) -> list[PendingEntry]:
        """Return the entries of live states; one without a vector for now is tried again the next time."""
        keys = [(state.user_id, state.id, state.version) for state in states]
        missing = [state for key, state in zip(keys, states, strict=True) if key not in self._kept]
        made = dict[tuple[str, str, int], PendingEntry]()
        if missing:
            embeddings = await self._vectors.of_memories([state.content or "" for state in missing])
            for state, embedding in zip(missing, embeddings, strict=True):
                vectors = embedding.by_model
                record = state.record
                key = state.user_id, state.id, state.version
                made[key] = PendingEntry(Entry.of(record, state.version, vectors), record)
                if embedding.vector is not None or not self._vectors.models:
                    self._kept[key] = made[key]
        entries = []
        for key in keys:
            if key in self._kept:
                self._kept.move_to_end(key)
            entries.append(made.get(key) or self._kept[key])
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return entries
