"""Erasing an owner from mem0: every copy of every memory is removed, and with the last the name in the list."""

import asyncio

from providers.errors import Unavailable
from providers.mem0.cache import Mem0Cache
from providers.mem0.copies import CopyStore
from providers.mem0.dialects.base import Dialect
from providers.mem0.directory import Directory
from providers.mem0.names import deleted_of, name_of
from providers.owners import Owner

_HISTORY = (
    "mem0's own history, in which its server keeps the texts of what it has added and deleted (history.db beside it,"
    " or a table of its platform): it has no call that erases them"
)
REMAINS = (_HISTORY, "the database of mem0: removed rows until VACUUM reuses them, and its write-ahead log")
_AT_ONCE = 8  # removals


class Mem0Erasing:
    """Remove what mem0 can list of an owner; what comes late is found by the last look of the erasure."""

    def __init__(self, dialect: Dialect, store: CopyStore, directory: Directory, cache: Mem0Cache) -> None:
        self._dialect, self._store = dialect, store
        self._directory, self._cache = directory, cache

    async def purge(self, owner: Owner, version: int, limit: int) -> int:
        """Remove up to `limit` copies up to a version, of memories and tombstones; return how many.

        Raises:
            Unavailable: mem0 cannot list them all, and shows none any more of those that it can.
        """
        names = (name_of(owner), deleted_of(owner))
        listings = await asyncio.gather(*(self._dialect.everything(name) for name in names))
        found = zip(names, listings, strict=True)
        items = [item for name, listing in found for item in listing.items if item.user == name]
        # What cannot be read is somebody's text all the same.
        newer = [copy.item for copy in self._store.copies_of(items, names) if copy.state.version > version]
        kept = {item.id for item in newer}
        gone = [item for item in items if item.id not in kept][:limit]
        turns = asyncio.Semaphore(_AT_ONCE)

        async def remove(user: str, item_id: str) -> None:
            async with turns:
                await self._dialect.remove(user, item_id)

        await asyncio.gather(*(remove(item.user, item.id) for item in gone))
        self._cache.forget(owner)
        if not gone and not all(listing.whole for listing in listings):
            raise Unavailable("mem0 cannot list all memories of this user: there are too many for it")
        if not newer and len(gone) == len(items):
            await self._directory.unregister(owner)
        return len(gone)
