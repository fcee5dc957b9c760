"""What changed of one owner's memories, by the numbers that Redis gives to changes one after the other."""

from collections.abc import AsyncIterator, Mapping

from providers.changes import ChangeCursor, Changes
from providers.keyed.recall import MOST_RANKED
from providers.keyed.vectors import EmbeddedState
from providers.owners import Owner
from providers.redis.keys import Keyspace
from providers.redis.reader import RedisReader
from providers.redis.scripts import LOOK
from providers.redis.servers import Servers
from providers.redis.shelf import RedisShelf
from providers.search.entries import Entry
from providers.timing.turns import Turns

NOTHING_SEEN = ChangeCursor("", 0)


class RedisChanges:
    """Tell what changed; of an owner with more than `most` memories nothing is told."""

    def __init__(
        self, servers: Servers, keyspace: Keyspace, shelf: RedisShelf, reader: RedisReader, most: int = MOST_RANKED
    ) -> None:
        self._servers, self._keyspace = servers, keyspace
        self._shelf, self._reader = shelf, reader
        self.most = most

    async def changes_since(self, owner: Owner, cursor: ChangeCursor | None) -> Changes | None:
        """Return what changed, as `Replica` says.

        States are read after the position was: they may be newer than it says, and then are told again.
        """
        keys = self._keyspace.of(owner)
        seen = cursor or NOTHING_SEEN
        [look] = await self._servers.run(keys.states, [LOOK.command(keys.all, seen.epoch, seen.position)])
        epoch, position, count, *changed = look
        if count > self.most:
            return None
        told = ChangeCursor(epoch.decode(), position)
        if not changed:
            entries = [entry async for entry in self.entries(owner)]
            return Changes(cursor=told, order=(position,), memories=entries, whole=True)
        ids = [*dict.fromkeys(memory_id.decode() for memory_id in changed[0])]
        return _told(told, await self._shelf.embedded(owner, ids), ids)

    async def entries(self, owner: Owner) -> AsyncIterator[Entry]:
        """Yield all memories of an owner as a ranking sees them, in the order of their creation."""
        turns = Turns()
        async for one in self._reader.everything(owner):
            yield one.entry.entry
            await turns.take()


def _told(cursor: ChangeCursor, found: Mapping[str, EmbeddedState], ids: list[str]) -> Changes:
    there = [found[memory_id] for memory_id in ids if memory_id in found]
    return Changes(
        cursor=cursor,
        order=(cursor.position,),
        memories=[one.entry.entry for one in there if not one.state.deleted],
        gone=[one.state.id for one in there if one.state.deleted],
    )
