"""RedisMemoryProvider: memories in Redis, Valkey or a cluster of either."""

from datetime import UTC, datetime, timedelta

from providers import limits
from providers.answers import DeletedBy
from providers.feed import FeedPage, FeedQuery
from providers.keyed.provider import KeyedMemoryProvider
from providers.owners import Owner
from providers.redis.health import RedisHealth, health_of
from providers.redis.parts import RedisParts
from providers.states.editing import deleted_by
from providers.store import RECENT_CHANGES

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class RedisMemoryProvider(KeyedMemoryProvider):
    """Memories in Redis: states by id, compared and set, and ranked in this process by their words."""

    parts: RedisParts

    def __init__(self, parts: RedisParts) -> None:
        super().__init__(parts)

    async def ping(self) -> None:
        """See `Replica`."""
        await self.parts.servers.infos()

    async def moment(self) -> datetime:
        """See `Replica`."""
        key = self.parts.keyspace.identity
        [[seconds, microseconds]] = await self.parts.servers.run(key, [("TIME",)])
        return _EPOCH + timedelta(seconds=int(seconds), microseconds=int(microseconds))

    async def feed(self, query: FeedQuery) -> FeedPage:
        """See `MemoryStore`."""
        return await self.parts.feed.page(query)

    async def deleted_by(self, owner: Owner, edit_id: str) -> DeletedBy:
        """See `MemoryStore`."""
        limits.check_owner(owner)
        edit_id = limits.check_uuid("edit_id", edit_id)
        states = await self.parts.reader.recently_changed(owner, RECENT_CHANGES)
        found = (state.id for state in states if state.deleted and deleted_by(state, edit_id))
        return DeletedBy(memory_id=next(found, None))

    async def health_check(self) -> RedisHealth:
        """See `MemoryStore`."""
        return await health_of(self.parts.servers, type(self).__name__)
