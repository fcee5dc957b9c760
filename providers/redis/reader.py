"""Reads of an owner's memories in their order, over sorted sets of their places."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from providers.expiry import has_expired
from providers.keyed.reader import LISTED_AT_ONCE, Reader, wanted_at_first
from providers.keyed.vectors import EmbeddedState
from providers.owners import Owner
from providers.positions import Order
from providers.redis.acknowledging import Command
from providers.redis.keys import Keyspace
from providers.redis.places import bounds_of, ended_by, id_at
from providers.redis.servers import Servers
from providers.redis.shelf import RedisShelf
from providers.replica import MAX_OWNERS
from providers.types import PageQuery, Snapshot


class RedisReader(Reader):
    """List memories, states and owners; arguments are checked by the provider."""

    def __init__(self, servers: Servers, keyspace: Keyspace, shelf: RedisShelf) -> None:
        self._servers, self._keyspace, self._shelf = servers, keyspace, shelf

    async def count_living(self, owner: Owner, now: datetime) -> int:
        """See `Reader`."""
        keys = self._keyspace.of(owner)
        gone: Command = ("ZLEXCOUNT", keys.mortal, "-", ended_by(now))
        live, expired = await self._servers.run(keys.live, [("ZCARD", keys.live), gone])
        return int(live) - int(expired)

    async def count(self, owner: Owner) -> int:
        """Count the memories of an owner, those that have expired included."""
        key = self._keyspace.of(owner).live
        [count] = await self._servers.run(key, [("ZCARD", key)])
        return int(count)

    async def snapshots(self, owner: Owner, limit: int, after: str | None) -> list[Snapshot]:
        """See `Reader`."""
        keys = self._keyspace.of(owner)
        least = "-" if after is None else f"({after}"
        [found] = await self._servers.run(keys.ids, [("ZRANGE", keys.ids, least, "+", "BYLEX", "LIMIT", 0, limit)])
        ids = [memory_id.decode() for memory_id in found]
        states = await self._shelf.states(owner, ids)
        return [states[memory_id] for memory_id in ids if memory_id in states]

    async def recently_changed(self, owner: Owner, limit: int) -> list[Snapshot]:
        """See `Reader`."""
        key = self._keyspace.of(owner).changes
        [found] = await self._servers.run(key, [("ZRANGE", key, 0, limit - 1, "REV")])
        ids = [memory_id.decode() for memory_id in found]
        states = await self._shelf.states(owner, ids)
        return [states[memory_id] for memory_id in ids if memory_id in states]

    async def owners(self, limit: int, after: Owner | None) -> list[Owner]:
        """See `Reader`."""
        least = "-" if after is None else f"({after.key}"
        found: list[bytes] = []
        for key in self._keyspace.directories:
            [part] = await self._servers.run(key, [("ZRANGE", key, least, "+", "BYLEX", "LIMIT", 0, limit)])
            found += part
        # The order of UTF-8 is that of code points.
        return [Owner.of_key(key.decode()) for key in sorted(found)[:limit]]

    async def expired(self, before: datetime, limit: int, after: Snapshot | None) -> list[Snapshot]:
        """See `Reader`; they come by owner and id."""
        found: list[Snapshot] = []
        if after is not None:
            found = [state for state in await self._expired_of(after.owner, before) if state.id > after.id]
        last = None if after is None else after.owner
        while len(found) < limit and (owners := await self.owners(MAX_OWNERS, last)):
            for owner in owners:
                found += await self._expired_of(owner, before)
                if len(found) >= limit:
                    break
            last = owners[-1]
        return found[:limit]

    async def listed(self, query: PageQuery) -> AsyncIterator[Snapshot]:
        """See `Reader`."""
        async for places in self.places(query):
            for state in await self._at(query.owner, places):
                yield state

    async def everything(self, owner: Owner, *, order: Order = "oldest") -> AsyncIterator[EmbeddedState]:
        """Yield what `live` does, with the vectors that count."""
        async for places in self.places(PageQuery(owner=owner, order=order, limit=LISTED_AT_ONCE)):
            ids = [id_at(place) for place in places]
            found = await self._shelf.embedded(owner, ids)
            for memory_id in ids:
                if memory_id in found and not found[memory_id].state.deleted:
                    yield found[memory_id]

    async def places(self, query: PageQuery) -> AsyncIterator[list[bytes]]:
        """Yield the places of memories that live, those that may stand on a page and behind it, in order."""
        key = self._keyspace.of(query.owner).live
        least, most = bounds_of(query)
        wanted = wanted_at_first(query)
        while True:
            bounds = (least, most) if query.order == "oldest" else (most, least)
            reverse = () if query.order == "oldest" else ("REV",)
            command: Command = ("ZRANGE", key, *bounds, "BYLEX", *reverse, "LIMIT", 0, wanted)
            [places] = await self._servers.run(key, [command])
            yield places
            if len(places) < wanted:
                return
            behind = f"({places[-1].decode()}"
            least, most = (behind, most) if query.order == "oldest" else (least, behind)
            wanted = LISTED_AT_ONCE

    async def _expired_of(self, owner: Owner, before: datetime) -> list[Snapshot]:
        """Return the states of an owner that had expired by a moment, by ascending id."""
        key = self._keyspace.of(owner).mortal
        [found] = await self._servers.run(key, [("ZRANGE", key, "-", ended_by(before), "BYLEX")])
        states = await self._shelf.states(owner, sorted(map(id_at, found)))
        return [state for state in states.values() if has_expired(state, before)]

    async def _at(self, owner: Owner, places: Sequence[bytes]) -> list[Snapshot]:
        """Return the memories at places that live by now."""
        ids = [id_at(place) for place in places]
        states = await self._shelf.states(owner, ids)
        return [states[memory_id] for memory_id in ids if memory_id in states and not states[memory_id].deleted]
