"""What an index tells about itself as a store: its name, and the mark of a chain."""

import asyncio
import time
from collections.abc import Callable
from uuid import uuid4

import msgspec

from providers.errors import Misconfigured, Unavailable
from providers.introduction import Introduction, StoreMark
from providers.pinecone.index import PineconeIndex, VectorRecord
from providers.pinecone.records import TEXT

_NAMED = "identity."  # begins the ids of records that name the store; the first one counts
_MARK = "mark"
_LOOK_SECONDS = 0.05  # until it is looked again whether a mark is shown

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(StoreMark).decode


class StoreRecords:
    """The records that say which store this is, and whose; in the namespace of the store.

    Nothing is compared before it is written. Processes that name a store at once leave several names, of which the one
    that was made first counts; whoever made one waits until it must see those of the others. Of marks the last one
    stays, and one is left only when reads show it: whoever knows of it and reads an older one takes the store for one
    that was put back.
    """

    def __init__(
        self, index: PineconeIndex, namespace: str, staleness: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._index, self._namespace = index, namespace
        self._staleness, self._now = staleness, now
        self._naming = asyncio.Lock()
        self._settles_at = now()  # from then on the names of others are shown as well

    async def introduction(self) -> Introduction:
        """Return what the records tell, asked anew; a store without a name gets one, and a while to settle on it."""
        async with self._naming:
            if await self._index.first_id(self._namespace, _NAMED) is None:
                name = f"{_NAMED}{time.time_ns():020d}.{uuid4().hex}"
                await self._index.put(self._namespace, [VectorRecord(name, {TEXT: name})])
                self._settles_at = self._now() + self._staleness
        await asyncio.sleep(self._settles_at - self._now())
        named = await self._index.first_id(self._namespace, _NAMED)
        if named is None:
            raise Unavailable("the name of the store is not shown yet: is staleness_seconds long enough?")
        return Introduction(identity=f"pinecone:{named.rpartition('.')[2]}", mark=await self._mark())

    async def leave_mark(self, mark: StoreMark, former: StoreMark | None) -> bool:
        """Put a mark in the place of the former one; return whether it was there."""
        if await self._mark() != former:
            return False
        await self._index.put(self._namespace, [VectorRecord(_MARK, {TEXT: _encode(mark).decode()})])
        ends = self._now() + self._staleness
        while (shown := await self._mark()) != mark:
            if self._now() >= ends:
                if shown == former:
                    raise Unavailable("the mark is not shown yet: is staleness_seconds long enough?", ambiguous=True)
                return False
            await asyncio.sleep(_LOOK_SECONDS)
        return True

    async def _mark(self) -> StoreMark | None:
        found = await self._index.get(self._namespace, _MARK)
        try:
            return None if found is None else _decode(found.metadata.get(TEXT, ""))
        except msgspec.MsgspecError as error:
            raise Misconfigured("the mark in the index is none of ours: does another program write to it?") from error
