"""Erasing an owner from Redis: states are removed, then all keys of the owner, and a list of who was erased is kept."""

import time
from collections.abc import Callable, Sequence

import msgspec

from providers.erasure.fences import Fence
from providers.keyed.erasing import Erasing
from providers.keyed.places import place_of
from providers.owners import Owner
from providers.redis.history import RedisHistories
from providers.redis.keys import Keyspace
from providers.redis.places import end_of
from providers.redis.reader import RedisReader
from providers.redis.scripts import PURGE, PUT_FENCES
from providers.redis.servers import Servers
from providers.redis.shelf import RedisShelf
from providers.states.codec import encode
from providers.types import Snapshot

_AT_ONCE = 100  # states that one script removes
_COUNT = "count"  # of the changes of the list, beside the fences; no hash is called so
_decode = msgspec.json.Decoder(Fence).decode


class RedisErasing(Erasing):
    """Erase by scripts; the list is a hash, in which the changes of it are counted as well."""

    def __init__(
        self,
        servers: Servers,
        keyspace: Keyspace,
        shelf: RedisShelf,
        reader: RedisReader,
        histories: RedisHistories,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(now)
        self._servers, self._keyspace = servers, keyspace
        self._shelf, self._reader, self._histories = shelf, reader, histories

    async def purge(self, owner: Owner, version: int, limit: int) -> int:
        """See `Erasing`."""
        keys, count, after = self._keyspace.of(owner), 0, None
        while count < limit and (page := await self._reader.snapshots(owner, _AT_ONCE, after)):
            gone = [state for state in page if state.version <= version][: limit - count]
            if gone:
                arguments = [argument for state in gone for argument in _arguments(state)]
                count += await self._shelf.replace(keys.states, PURGE.command(keys.all, *arguments))
            after = page[-1].id
        await self._histories.purge(owner, version)
        # An owner of nothing has no keys any more; the name in the directory goes last, because it leads to them.
        if not await self._reader.snapshots(owner, 1, None) and not await self._is_known(owner):
            directory = self._keyspace.directory_of(owner)
            await self._servers.run(directory, [("ZREM", directory, owner.key)], writes=True)
        return count

    async def keep(self, fences: Sequence[Fence]) -> None:
        """See `Erasing`."""
        known = {fence.hash: fence for fence in await self.kept()}
        raised = [fence for fence in fences if fence.hash not in known or known[fence.hash].version < fence.version]
        if raised:
            fields = [text for one in raised for text in (one.hash, msgspec.json.encode(one).decode())]
            key = self._keyspace.fences
            await self._shelf.replace(key, PUT_FENCES.command((key,), *fields))

    async def kept(self) -> list[Fence]:
        """See `Erasing`."""
        key = self._keyspace.fences
        [found] = await self._servers.run(key, [("HGETALL", key)])
        fields = dict(zip(found[::2], found[1::2], strict=True)) if isinstance(found, list) else found
        texts = [text for field, text in fields.items() if field != _COUNT.encode()]
        return sorted(map(_decode, texts), key=lambda fence: fence.hash)

    async def edition(self) -> str:
        """See `Erasing`."""
        key = self._keyspace.fences
        [count] = await self._servers.run(key, [("HGET", key, _COUNT)])
        return (count or b"").decode()

    async def remains(self) -> tuple[str, ...]:
        """See `Erasing`."""
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


def _arguments(state: Snapshot) -> tuple[str, ...]:
    return state.id, encode(state), place_of(state), end_of(state)
