"""The superseded versions of memories in Redis: read by their places, and dropped when they are old."""

from collections.abc import Awaitable, Mapping, Sequence

from providers.histories import VersionPlace
from providers.keyed.histories import StoredHistories
from providers.owners import Owner
from providers.redis.keys import Keyspace
from providers.redis.places import version_at, version_in, versions_of
from providers.redis.reader import RedisReader
from providers.redis.scripts import DROP_VERSIONS
from providers.redis.servers import Servers
from providers.redis.shelf import RedisShelf
from providers.retention import UNDATED_VERSION, Retention
from providers.states.clock import HybridClock
from providers.states.codec import decode
from providers.timing.turns import in_turns
from providers.types import Snapshot

_AT_ONCE = 200  # versions that one command reads, or drops


class RedisHistories(StoredHistories):
    """Read and drop versions; each stands in a hash by its place, and its place in a sorted set."""

    def __init__(
        self,
        servers: Servers,
        keyspace: Keyspace,
        shelf: RedisShelf,
        reader: RedisReader,
        retention: Retention,
        clock: HybridClock,
    ) -> None:
        super().__init__(retention, clock)
        self._servers, self._keyspace, self._shelf, self._reader = servers, keyspace, shelf, reader

    async def of_memory(self, owner: Owner, memory_id: str) -> list[Snapshot]:
        """See `StoredHistories`."""
        key = self._keyspace.of(owner).versions
        [places] = await self._servers.run(key, [("ZRANGE", key, *versions_of(memory_id), "BYLEX")])
        return await self._at(owner, places)

    async def behind(self, owner: Owner, limit: int, after: VersionPlace | None) -> list[Snapshot]:
        """See `StoredHistories`; what is deleted meanwhile is left out, and then others follow."""
        found: list[Snapshot] = []
        while places := await self._places(owner, limit - len(found), after):
            found += await self._at(owner, places)
            if len(found) >= limit:
                break
            after = version_in(places[-1])
        return found

    async def purge(self, owner: Owner, version: int) -> None:
        """Remove all versions up to one, whatever memories they are of."""
        after = None
        while places := await self._places(owner, _AT_ONCE, after):
            await self._drop(owner, [place for place in places if version_in(place)[1] <= version])
            after = version_in(places[-1])

    def states(self, owner: Owner, ids: Sequence[str]) -> Awaitable[Mapping[str, Snapshot]]:
        """See `StoredHistories`."""
        return self._shelf.states(owner, ids)

    def _owners(self, limit: int, after: Owner | None) -> Awaitable[Sequence[Owner]]:
        return self._reader.owners(limit, after)

    async def _swept(self, owner: Owner) -> int:
        dropped, after = 0, None
        nothing, now_ms = self.retention.keep == 0, self.clock.milliseconds()
        while places := await self._places(owner, _AT_ONCE, after):
            named = {place: version_in(place) for place in places}
            states = await self._shelf.states(owner, [memory_id for memory_id, _ in named.values()])
            buried = {memory_id for memory_id, state in states.items() if state.deleted}
            old = [
                place
                for place, (memory_id, version) in named.items()
                if nothing or memory_id in buried or not self.retention.keeps(version, now_ms)
            ]
            undated = [place for place, (_, version) in named.items() if version == UNDATED_VERSION]
            foreign = await self._foreign(owner, await self._at(owner, undated))
            old += [version_at(one.id, one.version).encode() for one in foreign]
            dropped += await self._drop(owner, old)
            after = version_in(places[-1])
        return dropped

    async def _drop(self, owner: Owner, places: list[bytes]) -> int:
        if not places:
            return 0
        keys = self._keyspace.of(owner)
        return await self._shelf.replace(
            keys.states, DROP_VERSIONS.command(keys.all, *(place.decode() for place in places))
        )

    async def _places(self, owner: Owner, limit: int, after: VersionPlace | None) -> list[bytes]:
        key = self._keyspace.of(owner).versions
        least = "-" if after is None else f"({version_at(*after)}"
        [places] = await self._servers.run(key, [("ZRANGE", key, least, "+", "BYLEX", "LIMIT", 0, limit)])
        return list(places)

    async def _at(self, owner: Owner, places: list[bytes]) -> list[Snapshot]:
        if not places:
            return []
        key = self._keyspace.of(owner).history
        [texts] = await self._servers.run(key, [("HMGET", key, *(place.decode() for place in places))])
        return await in_turns(lambda text: decode(text.decode()), [text for text in texts if text is not None])
