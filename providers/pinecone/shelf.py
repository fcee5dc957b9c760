"""The states of memories in an index: copies, of which the merge of all counts."""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any
from weakref import WeakValueDictionary

from providers.batches import answer_all
from providers.errors import Rejected, Unavailable
from providers.keyed.shelf import HeldState, Replacement, Shelf, parts_of
from providers.keyed.steps import StateStep
from providers.owners import Owner
from providers.pinecone.index import PineconeIndex, VectorRecord
from providers.pinecone.namespaces import Namespaces
from providers.pinecone.recent import RecentWrites
from providers.pinecone.records import MEMORY, NOTHING_FOUND, FoundCopies, copies_in, head_of, records_of
from providers.states.merging import merged
from providers.timing.turns import in_turns
from providers.types import Snapshot

_READS_AT_ONCE = 4  # of one owner
_EDITION_BYTES = 12

Untidy = Callable[[Owner, str], None]


class PineconeShelf(Shelf[FoundCopies]):
    """Read copies, and write one more for each change; `untidy` takes a memory that has copies of no more use.

    Writes of one owner wait for each other in this process. Of two processes that change a memory at once each makes a
    state of what it has seen, and the newer one stays.
    """

    def __init__(self, index: PineconeIndex, namespaces: Namespaces, recent: RecentWrites, untidy: Untidy) -> None:
        self.index, self.namespaces, self.recent = index, namespaces, recent
        self._untidy = untidy
        self._writing: WeakValueDictionary[Owner, asyncio.Lock] = WeakValueDictionary()

    def lock(self, owner: Owner) -> asyncio.Lock:
        """Return what keeps everybody else in this process from changing an owner's memories."""
        return self._writing.setdefault(owner, asyncio.Lock())

    async def copies(self, owner: Owner, ids: Sequence[str]) -> dict[str, FoundCopies]:
        """Return the copies of memories that the index shows."""
        namespace = self.namespaces.of(owner)

        async def read(part: Sequence[str]) -> dict[str, FoundCopies]:
            with self.recent.reading():
                records = await self.index.find(namespace, {MEMORY: {"$in": [*part]}})
                return copies_in([one for one in records if not self.recent.is_removed(owner, one.id)], owner)

        found: dict[str, FoundCopies] = {}
        for part in await answer_all([*parts_of(ids)], read, _READS_AT_ONCE, values=Rejected):
            found |= part if isinstance(part, dict) else {}
        return found

    async def read(self, owner: Owner, ids: Sequence[str]) -> dict[str, HeldState[FoundCopies]]:
        """See `Shelf`; what this process wrote lately is read whether or not the index shows it."""
        with self.recent.reading():
            found, recent = await self.copies(owner, ids), self.recent.of(owner)
        held = {}
        for memory_id in ids:
            copies = found.get(memory_id, NOTHING_FOUND)
            states = [*copies.whole.values(), *([recent[memory_id].state] if memory_id in recent else [])]
            if len(copies.whole) > 1:
                self._untidy(owner, memory_id)
            held[memory_id] = HeldState(reduce(merged, states) if states else None, copies)
        return held

    async def write(
        self,
        owner: Owner,
        changes: Sequence[Replacement[FoundCopies]],
        found: Mapping[str, HeldState[FoundCopies]],  # noqa: ARG002 - what is found was confirmed by the index
    ) -> set[str]:
        """See `Shelf`; nobody is refused, because nothing is compared."""
        for part in parts_of(changes):
            after = [change.after for change in part if change.after is not None]  # no history is kept here
            made = await in_turns(records_of, after)
            await self.put(owner, [record for records in made for record in records], after)
            # A missing memory and a deleted one read alike, so that the text of a deleted one need not wait.
            gone = [
                record
                for one in part
                if one.after is not None and one.after.deleted
                for record in one.held.token.records
            ]
            await self._discard(owner, gone)
            for change in part:
                if change.held.state is not None:
                    self._untidy(owner, change.memory_id)
        return set()

    async def put(self, owner: Owner, records: Sequence[VectorRecord], states: Sequence[Snapshot]) -> None:
        """Write the records of states, and note that there was a write."""
        edition = head_of(owner, secrets.token_hex(_EDITION_BYTES))
        await self.index.put(self.namespaces.of(owner), [*records, edition])
        self.recent.put(owner, states, [record.id for record in records])

    async def remove(self, owner: Owner, records: Sequence[str]) -> None:
        """Remove records."""
        await self.index.remove(self.namespaces.of(owner), records)
        self.recent.remove(owner, records)

    async def settle_owner(self, owner: Owner, steps: Sequence[tuple[int, StateStep[Any]]]) -> dict[int, Any]:
        """See `Shelf`."""
        lock = self.lock(owner)
        async with lock:
            return await super().settle_owner(owner, steps)

    async def _discard(self, owner: Owner, records: Sequence[str]) -> None:
        if records:
            try:
                await self.remove(owner, records)
            except Unavailable:  # the tombstone is there: they count no more, and are removed later
                return
