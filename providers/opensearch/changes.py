"""What changed of one owner's memories, by what heads them."""

from providers.changes import ChangeCursor, Changes
from providers.keyed.recall import MOST_RANKED
from providers.opensearch.reader import OpenSearchReader
from providers.opensearch.shelf import HeldHead, OpenSearchShelf
from providers.owners import Owner
from providers.search.entries import Entry
from providers.timing.turns import Turns

_NOBODY = ChangeCursor("", 0)  # nothing of the owner was ever written


class OpenSearchChanges:
    """Tell what changed; of an owner with more than `most` memories nothing is told."""

    def __init__(self, shelf: OpenSearchShelf, reader: OpenSearchReader, most: int = MOST_RANKED) -> None:
        self._shelf, self._reader = shelf, reader
        self.most = most

    async def changes_since(self, owner: Owner, cursor: ChangeCursor | None) -> Changes | None:
        """Return what changed, as `Replica` says.

        States are read after their head was: they may be newer than it says, and then are told again.
        """
        held = await self._shelf.head(owner)
        if held is None:
            return Changes(cursor=_NOBODY, order=(0,), whole=True)
        head = held.head
        logged = head.since(cursor.position) if cursor is not None and cursor.epoch == head.name else None
        if logged is None:
            return await self._everything(owner, held)
        found = await self._shelf.embedded(owner, [*dict.fromkeys(entry.memory_id for entry in logged)])
        # A copy of the shard may have a head before it has the states that were written with it.
        late = [entry.position for entry in logged if found[entry.memory_id][0].sequence <= entry.before]
        position = head.last_before(min(late)) if late else head.position
        states = [one for _, one in found.values() if one is not None]
        return Changes(
            cursor=ChangeCursor(head.name, position),
            order=(position,),
            memories=[one.entry.entry for one in states if not one.state.deleted],
            gone=[one.state.id for one in states if one.state.deleted],
        )

    async def _everything(self, owner: Owner, held: HeldHead) -> Changes | None:
        """Return all memories; what the head still names is told again, for the same reason."""
        if await self._reader.count(owner) > self.most:
            return None
        entries: list[Entry] = []
        turns = Turns()
        async for one in self._reader.everything(owner):
            entries.append(one.entry.entry)
            await turns.take()
        begins = held.head.begins
        return Changes(cursor=ChangeCursor(held.head.name, begins), order=(begins,), memories=entries, whole=True)
