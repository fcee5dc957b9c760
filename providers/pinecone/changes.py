"""What changed of one owner's memories, by the names of their copies."""

from collections import OrderedDict
from itertools import count
from uuid import uuid4

from msgspec import Struct

from providers.changes import ChangeCursor, Changes
from providers.owners import Owner
from providers.pinecone.catalog import MOST_NAMES, Catalog, Known
from providers.pinecone.shelf import PineconeShelf
from providers.search.pending import plain_entry
from providers.timing.turns import in_turns
from providers.types import Snapshot

MOST_MEMORIES = 10_000  # of one owner, for whom there is an index

_UNSEEN: frozenset[str] = frozenset()  # what was listed and could not be read: it is told as soon as it can be


class _Told(Struct, frozen=True):
    """What was told at a position: the copies of each memory."""

    position: int
    copies: dict[str, frozenset[str]]


class PineconeChanges:
    """Tell what changed since this process told last; of an owner with more than `most` memories nothing is told."""

    def __init__(self, shelf: PineconeShelf, catalog: Catalog, most: int = MOST_MEMORIES) -> None:
        self._shelf, self._catalog = shelf, catalog
        self.most = most
        self._epoch = uuid4().hex
        self._positions = count(1)
        self._told: OrderedDict[Owner, _Told] = OrderedDict()
        self._names = 0

    async def changes_since(self, owner: Owner, cursor: ChangeCursor | None) -> Changes | None:
        """Return what changed, as `Replica` says."""
        position = next(self._positions)
        known = await self._catalog.known(owner)
        if sum(not one.name.deleted for one in known.values()) > self.most:
            return None
        told = self._told.get(owner)
        if told is None or cursor != ChangeCursor(self._epoch, told.position):
            told = None
        copies = {memory_id: one.copies for memory_id, one in known.items()}
        if told is not None and told.copies == copies:
            return Changes(cursor=ChangeCursor(self._epoch, told.position), order=(told.position,))
        former = {} if told is None else told.copies
        wanted = [memory_id for memory_id in copies if former.get(memory_id) != copies[memory_id]]
        states = await self._shelf.states(owner, wanted)
        for memory_id in wanted:
            if not _shows(states.get(memory_id), known[memory_id]):
                copies[memory_id] = _UNSEEN
        self._keep(owner, _Told(position, copies))
        living = [state for state in states.values() if not state.deleted]
        return Changes(
            cursor=ChangeCursor(self._epoch, position),
            order=(position,),
            memories=[one.entry for one in await in_turns(plain_entry, living)],
            gone=[
                *(memory_id for memory_id, state in states.items() if state.deleted),
                *(memory_id for memory_id in former if memory_id not in copies),
            ],
            whole=told is None,
        )

    def _keep(self, owner: Owner, told: _Told) -> None:
        former = self._told.pop(owner, None)
        self._names += len(told.copies) - (0 if former is None else len(former.copies))
        self._told[owner] = told
        while self._names > MOST_NAMES and len(self._told) > 1:
            _, dropped = self._told.popitem(last=False)
            self._names -= len(dropped.copies)


def _shows(state: Snapshot | None, known: Known) -> bool:
    """Return whether what was read is what was listed, or newer."""
    return state is not None and (state.deleted or state.version >= known.name.version)
