"""Reads of an owner's memories in their order, page by page."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from providers.answers import Found
from providers.expiry import has_expired
from providers.owners import Owner
from providers.positions import Order
from providers.redis.acknowledging import Command
from providers.redis.keys import Keyspace
from providers.redis.places import bounds_of, ended_by, id_at
from providers.redis.servers import Servers
from providers.redis.shelf import Shelf
from providers.timing.turns import Turns
from providers.types import MemoryRecord, PageQuery, Snapshot, as_page

_AT_ONCE = 1_000  # memories in one trip
_LEAST = 50  # a short page is mostly filled by as many


class Reader:
    """List memories, states and owners; arguments are checked by the provider."""

    def __init__(self, servers: Servers, keyspace: Keyspace, shelf: Shelf) -> None:
        self._servers, self._keyspace, self._shelf = servers, keyspace, shelf

    async def page(self, query: PageQuery) -> Found:
        """Return a page, as `MemoryStore` says."""
        memories: list[MemoryRecord] = []
        skipped = 0
        turns = Turns()
        async for state in self._listed(query):
            if not query.shows(state.record):
                continue
            await turns.take()
            if skipped < query.offset:
                skipped += 1
                continue
            memories.append(state.record)
            if len(memories) == query.limit:
                break
        return Found(memories=memories, total=await self._count(query) if query.total else None)

    async def live(self, owner: Owner, *, order: Order = "oldest") -> AsyncIterator[Snapshot]:
        """Yield all memories of an owner that live, those that have expired included."""
        async for state in self._listed(PageQuery(owner=owner, order=order, limit=_AT_ONCE)):
            yield state

    async def snapshots(self, owner: Owner, limit: int, after: str | None) -> list[Snapshot]:
        """Return memories and tombstones by ascending id, those whose id is greater than `after`."""
        keys = self._keyspace.of(owner)
        least = "-" if after is None else f"({after}"
        [found] = await self._servers.run(keys.ids, [("ZRANGE", keys.ids, least, "+", "BYLEX", "LIMIT", 0, limit)])
        ids = [memory_id.decode() for memory_id in found]
        states = await self._shelf.states(owner, ids)
        return [states[memory_id] for memory_id in ids if memory_id in states]

    async def recently_changed(self, owner: Owner, limit: int) -> list[Snapshot]:
        """Return the states that have changed last, tombstones included, the newest change first."""
        key = self._keyspace.of(owner).changes
        [found] = await self._servers.run(key, [("ZRANGE", key, 0, limit - 1, "REV")])
        ids = [memory_id.decode() for memory_id in found]
        states = await self._shelf.states(owner, ids)
        return [states[memory_id] for memory_id in ids if memory_id in states]

    async def owners(self, limit: int, after: Owner | None) -> list[Owner]:
        """Return the owners, ascending by code point, those greater than `after`."""
        least = "-" if after is None else f"({after.key}"
        found: list[bytes] = []
        for key in self._keyspace.directories:
            [part] = await self._servers.run(key, [("ZRANGE", key, least, "+", "BYLEX", "LIMIT", 0, limit)])
            found += part
        # The order of UTF-8 is that of code points.
        return [Owner.of_key(key.decode()) for key in sorted(found)[:limit]]

    async def expired(self, owner: Owner, before: datetime) -> list[Snapshot]:
        """Return the states of an owner that had expired by a moment, by ascending id."""
        key = self._keyspace.of(owner).mortal
        [found] = await self._servers.run(key, [("ZRANGE", key, "-", ended_by(before), "BYLEX")])
        states = await self._shelf.states(owner, sorted(map(id_at, found)))
        return [state for state in states.values() if has_expired(state, before)]

    async def _count(self, query: PageQuery) -> int:
        """Count the memories that meet the conditions of a list, wherever the page begins."""
        keys = self._keyspace.of(query.owner)
        if not query.conditional and query.now is not None:
            gone: Command = ("ZLEXCOUNT", keys.mortal, "-", ended_by(query.now))
            live, expired = await self._servers.run(keys.live, [("ZCARD", keys.live), gone])
            return int(live) - int(expired)
        turns, count = Turns(), 0
        async for state in self._listed(as_page(query, query.owner)):
            count += query.admits(state.record)
            await turns.take()
        return count

    async def _listed(self, query: PageQuery) -> AsyncIterator[Snapshot]:
        """Yield what may stand on a page and behind it, in order."""
        key = self._keyspace.of(query.owner).live
        least, most = bounds_of(query)
        wanted = _AT_ONCE if query.conditional else min(_AT_ONCE, max(_LEAST, query.offset + query.limit))
        while True:
            bounds = (least, most) if query.order == "oldest" else (most, least)
            reverse = () if query.order == "oldest" else ("REV",)
            command: Command = ("ZRANGE", key, *bounds, "BYLEX", *reverse, "LIMIT", 0, wanted)
            [places] = await self._servers.run(key, [command])
            for state in await self._at(query.owner, places):
                yield state
            if len(places) < wanted:
                return
            behind = f"({places[-1].decode()}"
            least, most = (behind, most) if query.order == "oldest" else (least, behind)
            wanted = _AT_ONCE

    async def _at(self, owner: Owner, places: Sequence[bytes]) -> list[Snapshot]:
        """Return the memories at places that live by now."""
        ids = [id_at(place) for place in places]
        states = await self._shelf.states(owner, ids)
        return [states[memory_id] for memory_id in ids if memory_id in states and not states[memory_id].deleted]
