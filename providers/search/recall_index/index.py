"""RecallIndex: indexes of owners' memories within a bound of bytes, none of them ever stale.

Each recall looks at the store for what changed since the last look. What was acknowledged before the recall began is
therefore in the index that it ranks, whichever process wrote it.
"""

import asyncio
from collections import OrderedDict

from msgspec import Struct, field

from providers.changes import Changes, Cursor
from providers.search.recall_index.source import ChangeSource
from providers.search.user_index import UserIndex
from providers.timing.turns import Turns
from providers.types import Owner

MEGABYTE = 1024 * 1024


class RecallCounts(Struct):
    """What has happened so far: numbers that only grow, but for `bytes` and `owners`, which are as of now.

    `dropped` counts indexes that were of another epoch of their store, `unknown` the recalls for which the store could
    not tell what changed.
    """

    hits: int = 0
    misses: int = 0
    evictions: int = 0
    dropped: int = 0
    unknown: int = 0
    bytes: int = 0
    owners: int = 0


class _Held(Struct):
    """One owner's index, how far it has come, and the bytes that were counted for it."""

    index: UserIndex = field(default_factory=UserIndex)
    cursor: Cursor | None = None
    counted: int = 0
    refreshing: asyncio.Lock = field(default_factory=asyncio.Lock)


class RecallIndex:
    """Hold the indexes of those who asked last, up to `most_bytes` together.

    An index that is larger by itself is built for one recall and not kept.
    """

    def __init__(self, source: ChangeSource, most_bytes: int) -> None:
        self.counts = RecallCounts()
        self._source = source
        self._most_bytes = most_bytes
        self._held: OrderedDict[Owner, _Held] = OrderedDict()

    async def current(self, owner: Owner) -> UserIndex | None:
        """Return an owner's index as of now, None if the store cannot tell what changed.

        It may change at the next turn of the event loop, always to what is newer.

        Raises:
            ProviderError: the store did not answer; nothing is served from memory then.
        """
        held = self._held.get(owner)
        if held is None:
            held = self._held[owner] = _Held()
        self._held.move_to_end(owner)
        # A look that began before this recall may have missed what was acknowledged in between, so each takes its own.
        async with held.refreshing:
            warm = held.cursor is not None
            changes = await self._source.changes_since(owner, held.cursor)
            if changes is None:
                self.counts.unknown += 1
                self._forget(owner, held)
                return None
            await self._apply(held, changes, warm=warm)
        self._count(owner, held)
        return held.index

    def forget(self) -> None:
        """Forget everything."""
        for owner, held in [*self._held.items()]:
            self._forget(owner, held)

    async def _apply(self, held: _Held, changes: Changes, *, warm: bool) -> None:
        """Bring an index up to date, in turns of the event loop; a whole new one takes its place at once."""
        if changes.whole:
            self.counts.misses += not warm
            self.counts.dropped += warm
        else:
            self.counts.hits += 1
        index = UserIndex() if changes.whole else held.index
        turns = Turns()
        for memory_id in changes.gone:
            index.remove(memory_id)
        for entry in changes.memories:
            index.put(entry)
            await turns.take()
        # Last, so that what was cut off in between is asked for again.
        held.index, held.cursor = index, changes.cursor

    def _count(self, owner: Owner, held: _Held) -> None:
        """Count the bytes of an index, and drop those that were asked for longest ago until all fit."""
        if self._held.get(owner) is not held:
            return  # it was dropped meanwhile
        held.counted, former = held.index.nbytes, held.counted
        self.counts.bytes += held.counted - former
        for oldest, other in [*self._held.items()]:
            if self.counts.bytes <= self._most_bytes:
                break
            if not other.refreshing.locked():
                self._forget(oldest, other)
                self.counts.evictions += 1
        self.counts.owners = len(self._held)

    def _forget(self, owner: Owner, held: _Held) -> None:
        if self._held.get(owner) is held:
            del self._held[owner]
        self.counts.bytes -= held.counted
        held.counted = 0
        self.counts.owners = len(self._held)
