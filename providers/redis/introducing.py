"""What a Redis tells about itself as a store: its name, the mark of a chain, and the history of its servers."""

from uuid import uuid4

import msgspec

from providers.errors import Misconfigured, Unavailable
from providers.introduction import Introduction, StoreMark
from providers.redis.acknowledging import Command
from providers.redis.keys import Keyspace
from providers.redis.scripts import REPLACE
from providers.redis.servers import Servers
from providers.redis.shelf import RedisShelf

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(StoreMark).decode


class StoreKeys:
    """The two keys that say which store this is, and whose."""

    def __init__(self, servers: Servers, keyspace: Keyspace, shelf: RedisShelf) -> None:
        self._servers, self._keyspace, self._shelf = servers, keyspace, shelf

    async def introduction(self) -> Introduction:
        """Return what the keys and the servers tell; a store without a name gets one.

        A primary that takes the place of another, or that is started again, has another id of its replication.
        """
        identity, mark = await self._read()
        if identity is None:
            await self._shelf.replace(self._keyspace.identity, self._named(uuid4().hex))
            identity, mark = await self._read()
        if identity is None:
            raise Unavailable("Redis lost the name of the store while it was read")
        lineage = "/".join(info.get("master_replid", "") for info in await self._servers.infos())
        return Introduction(identity=f"redis:{identity.decode()}", lineage=lineage, mark=_mark_in(mark))

    async def leave_mark(self, mark: StoreMark, former: StoreMark | None) -> bool:
        """Put a mark in the place of the former one; return whether it was there."""
        _, text = await self._read()
        if _mark_in(text) != former:
            return False
        command = REPLACE.command((self._keyspace.mark,), (text or b"").decode(), _encode(mark).decode())
        return await self._shelf.replace(self._keyspace.mark, command) == 1

    async def _read(self) -> tuple[bytes | None, bytes | None]:
        identity, mark = await self._servers.run(
            self._keyspace.identity, [("GET", self._keyspace.identity), ("GET", self._keyspace.mark)]
        )
        return identity, mark

    def _named(self, name: str) -> Command:
        return REPLACE.command((self._keyspace.identity,), "", name)


def _mark_in(text: bytes | None) -> StoreMark | None:
    try:
        return None if text is None else _decode(text)
    except msgspec.MsgspecError as error:
        raise Misconfigured("the mark in Redis is none of ours: is the prefix used by another program?") from error
