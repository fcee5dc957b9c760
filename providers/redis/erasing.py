"""Erasing an owner from Redis: states are removed, then all keys of the owner, and a list of who was erased is kept."""

import time
from collections.abc import Callable, Sequence

import msgspec

from providers.erasure.fences import Fence, FenceList
from providers.owners import Owner
from providers.redis.keys import Keyspace
from providers.redis.places import end_of, place_of
from providers.redis.reader import Reader
from providers.redis.scripts import PURGE, PUT_FENCES
from providers.redis.servers import Servers
from providers.redis.shelf import Shelf
from providers.states.codec import encode
from providers.types import Snapshot

_AT_ONCE = 100  # states that one script removes
_FRESH_SECONDS = 1.0  # for which what was read of the list counts
_COUNT = "count"  # of the changes of the list, beside the fences; no hash is called so
_decode = msgspec.json.Decoder(Fence).decode


class RedisErasing:
    """Remove what an owner has, and hold every write to the list of those who were erased.

    The list is in another place of a cluster than an owner, so that a write cannot compare itself with it where it is
    made; this process knows it as it was a second ago. What passes it meanwhile is
    found by the last look of an erasure.
    """

    def __init__(
        self,
        servers: Servers,
        keyspace: Keyspace,
        shelf: Shelf,
        reader: Reader,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._servers, self._keyspace = servers, keyspace
        self._shelf, self._reader, self._now = shelf, reader, now
        self._known = FenceList()
        self._changes = 0
        self._read_at = float("-inf")

    async def purge(self, owner: Owner, version: int, limit: int) -> int:
        """Remove states up to a version, and return how many; see `Replica.purge`."""
        keys, count, after = self._keyspace.of(owner), 0, None
        while count < limit and (page := await self._reader.snapshots(owner, _AT_ONCE, after)):
            gone = [state for state in page if state.version <= version][: limit - count]
            if gone:
                arguments = [argument for state in gone for argument in _arguments(state)]
                count += await self._shelf.replace(keys.states, PURGE.command(keys.all, *arguments))
            after = page[-1].id
        # An owner of nothing has no keys any more; the name in the directory goes last, because it leads to them.
        if not await self._reader.snapshots(owner, 1, None) and not await self._is_known(owner):
            directory = self._keyspace.directory_of(owner)
            await self._servers.run(directory, [("ZREM", directory, owner.key)], writes=True)
        return count

    async def put(self, fences: Sequence[Fence]) -> None:
        """Keep fences; see `Replica.put_fences`."""
        known = {fence.hash: fence for fence in await self._all()}
        raised = [fence for fence in fences if fence.hash not in known or known[fence.hash].version < fence.version]
        if raised:
            fields = [text for one in raised for text in (one.hash, msgspec.json.encode(one).decode())]
            key = self._keyspace.fences
            await self._shelf.replace(key, PUT_FENCES.command((key,), *fields))
            self._read_at = float("-inf")

    async def fences(self, limit: int, after: str | None) -> list[Fence]:
        """Return the fences that are kept; see `Replica.fences`."""
        return [fence for fence in await self._all() if after is None or fence.hash > after][:limit]

    async def listed(self) -> FenceList:
        """Return the list as it was a second ago or later."""
        if self._now() - self._read_at > _FRESH_SECONDS:
            key, began = self._keyspace.fences, self._now()
            [count] = await self._servers.run(key, [("HGET", key, _COUNT)])
            changes = int(count or 0)
            if changes != self._changes:
                self._known = FenceList()
                self._known.add(await self._all())
                self._changes = changes
            self._read_at = began
        return self._known

    async def remains(self) -> tuple[str, ...]:
        """Return what the servers still hold of removed states; see `Replica.remains`."""
        infos = await self._servers.infos()
        words = ["the memory of the server, until it is used anew"]
        if any(info.get("aof_enabled") == "1" for info in infos):
            words.append("the append-only file, until it is rewritten (BGREWRITEAOF does so at once)")
        words.append("the last snapshot file, until the next one is saved (BGSAVE does so at once)")
        return tuple(words)

    async def _is_known(self, owner: Owner) -> bool:
        about = self._keyspace.of(owner).about
        [found] = await self._servers.run(about, [("EXISTS", about)])
        return bool(found)

    async def _all(self) -> list[Fence]:
        key = self._keyspace.fences
        [found] = await self._servers.run(key, [("HGETALL", key)])
        fields = dict(zip(found[::2], found[1::2], strict=True)) if isinstance(found, list) else found
        texts = [text for field, text in fields.items() if field != _COUNT.encode()]
        return sorted(map(_decode, texts), key=lambda fence: fence.hash)


def _arguments(state: Snapshot) -> tuple[str, ...]:
    return state.id, encode(state), place_of(state), end_of(state)
