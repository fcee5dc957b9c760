"""Erasing an owner from an index: documents are removed, and with the last state the one that heads the owner.

While states go, the head names them as `purging`, and has another name before and after: whoever keeps an index of the
owner's memories reads all of them anew, and whoever erases next ends what a crash has broken off.
"""

import time
from collections.abc import Callable, Sequence

from providers.erasure.fences import Fence
from providers.errors import Unavailable
from providers.keyed.erasing import Erasing
from providers.opensearch.documents import route_of, state_id
from providers.opensearch.fences import FenceDocuments
from providers.opensearch.history import OpenSearchHistories
from providers.opensearch.index import Index, Write
from providers.opensearch.reader import OpenSearchReader
from providers.opensearch.shelf import OpenSearchShelf
from providers.owners import Owner

_AT_ONCE = 100  # states that one request removes
_MOST_TRIES = 100  # to write a head in the place of others' ones
_SEGMENTS = (
    "the segments of the index, until they are merged: other copies may ask for what was removed up to"
    " index.soft_deletes.retention_lease.period (12 hours by default), then"
    " POST /INDEX/_forcemerge?only_expunge_deletes=true merges at once"
)
_REMAINS = (
    _SEGMENTS,
    "the translog, until it is flushed (POST /INDEX/_flush does so at once)",
    "snapshots of the index, for as long as you keep them",
)


class OpenSearchErasing(Erasing):
    """Erase by the numbers of documents, so that what somebody else writes meanwhile is not removed unseen."""

    def __init__(
        self,
        index: Index,
        shelf: OpenSearchShelf,
        reader: OpenSearchReader,
        histories: OpenSearchHistories,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(now)
        self._index, self._shelf, self._reader, self._histories = index, shelf, reader, histories
        self._list = FenceDocuments(index)

    async def purge(self, owner: Owner, version: int, limit: int) -> int:
        """See `Erasing`."""
        count, after = 0, None
        await self._reader.refresh()
        while count < limit and (page := await self._reader.shown(owner, _AT_ONCE, after)):
            chosen = [state.id for state in page if state.version <= version][: limit - count]
            if chosen:
                count += await self._remove(owner, chosen, version)
            after = page[-1].id
        await self._histories.purge(owner, version)
        await self._end(owner)
        return count

    async def keep(self, fences: Sequence[Fence]) -> None:
        """See `Erasing`."""
        await self._list.put(fences)

    async def kept(self) -> list[Fence]:
        """See `Erasing`."""
        return await self._list.all()

    async def edition(self) -> str:
        """See `Erasing`."""
        return await self._list.edition()

    async def fences(self, limit: int, after: str | None) -> list[Fence]:
        """See `Erasing`."""
        return await self._list.page(limit, after)

    async def remains(self) -> tuple[str, ...]:
        """See `Erasing`; servers tell no user without further rights how long they keep what."""
        return _REMAINS

    async def _remove(self, owner: Owner, ids: Sequence[str], version: int) -> int:
        """Remove those of the states that are not above a version, and return how many."""
        for _ in range(_MOST_TRIES):
            head = await self._shelf.head(owner)
            found = await self._shelf.read(owner, ids)
            # A copy of the shard may have a head before it has the states that were written with it: those stay.
            late = () if head is None else head.head.late({one: held.token.sequence for one, held in found.items()})
            numbers = {
                memory_id: held.token
                for memory_id, held in found.items()
                if held.state is not None and held.state.version <= version and memory_id not in late
            }
            if not numbers:
                return 0
            if head is None or await self._shelf.put_head(owner, head, head.head.purged(numbers)):
                writes = [Write(state_id(owner, memory_id), number, None) for memory_id, number in numbers.items()]
                removed = await self._index.put(writes, route_of(owner))
                return sum(number is not None for number in removed)
        raise _too_busy()

    async def _end(self, owner: Owner) -> None:
        """Remove the head of an owner of nothing, or have it name no more what was removed."""
        for _ in range(_MOST_TRIES):
            head = await self._shelf.head(owner)
            if head is None:
                return
            await self._reader.refresh()
            after = None
            if await self._reader.shown(owner, 1, None) or await self._histories.has_any(owner):
                if not head.head.purging:
                    return
                found = await self._shelf.read(owner, head.head.purging)
                after = head.head.ended([memory_id for memory_id, held in found.items() if held.state is None])
            if await self._shelf.put_head(owner, head, after):
                if after is None:
                    await self._reader.refresh()  # so that no list of owners shows this one
                return
        raise _too_busy()


def _too_busy() -> Unavailable:
    return Unavailable("others keep writing memories of this owner", ambiguous=True)
