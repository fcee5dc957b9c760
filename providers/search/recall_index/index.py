"""RecallIndex: indexes of owners' memories within a bound of bytes, none of them ever stale.

Each recall looks at the store for what changed since the last look. What was acknowledged before the recall began is
therefore in the index that it ranks, whichever process wrote it.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TypeVar

from providers import background
from providers.changes import Changes
from providers.owners import Owner
from providers.search.recall_index.building import brought_up
from providers.search.recall_index.frequencies import Frequencies
from providers.search.recall_index.held import HeldIndex, RecallCounts
from providers.search.recall_index.source import ChangeSource
from providers.search.user_index import UserIndex

MEGABYTE = 1024 * 1024

Done = TypeVar("Done")
Prepared = TypeVar("Prepared")

# After a store could not tell what changed of an owner's memories, because there are too many.
ASK_AGAIN_SECONDS = 60.0

# Memories of an index beyond which a ranking is done off the event loop. It takes some 2 ms for as many; with smaller
# ones 8 clients get half as many answers from threads, which wait for each other's turns of the interpreter.
MOST_ON_LOOP = 20_000

_LEAST_BYTES = 2_048  # of an owner, so that those without memories are bounded, too


class RecallIndex:
    """Hold the indexes of those who ask often, up to `most_bytes` together.

    An index that is larger by itself serves one recall and is not kept, nor built again for a while. `counted` is
    called with the name of every event in `counts`, which is one of `RECALL_INDEX_EVENTS`. `ranked` tells of memories
    only what a ranking without conditions on contents looks at: an index is loaded from it where the store has such a
    source, and a whole one takes its place when an owner asks with such conditions for the first time.
    """

    def __init__(
        self,
        source: ChangeSource,
        most_bytes: int,
        now: Callable[[], float] = time.monotonic,
        counted: Callable[[str], None] = lambda _event: None,
        most_on_loop: int = MOST_ON_LOOP,
        ranked: ChangeSource | None = None,
    ) -> None:
        self.counts = RecallCounts()
        self._counted = counted
        self._most_on_loop = most_on_loop
        self._source = source
        self._ranked = ranked
        self._most_bytes = most_bytes
        self._now = now
        self._frequencies = Frequencies()
        self._held: OrderedDict[Owner, HeldIndex] = OrderedDict()
        self._keeping: dict[
            Owner, HeldIndex
        ] = {}  # those that keep records as well, in the order in which they were asked
        self._loading: set[asyncio.Task[bool]] = set()

    async def current(
        self, owner: Owner, patience: float | None = None, *, by_contents: bool = True
    ) -> UserIndex | None:
        """Return an owner's index as of now; see `read`. It may change at the next turn of the event loop."""
        held = await self._current(owner, patience, by_contents=by_contents)
        return None if held is None else held.index

    async def read(
        self,
        owner: Owner,
        patience: float | None,
        work: Callable[[UserIndex, Prepared], Done],
        prepare: Callable[[UserIndex], Awaitable[Prepared]],
        *,
        by_contents: bool = True,
        known: Callable[[UserIndex], Done | None] = lambda _index: None,
    ) -> Done | None:
        """Return what `work` makes of an owner's index as of now, None if the store cannot tell what changed.

        `prepare` comes before it, in turns of the event loop in which the index may change. Without conditions
        `by_contents` the index may lack what these look at: metadata, keys, and traits. What is `known` of the index as
        of now saves all of this.

        None also stands for an index that takes more than `patience` seconds to load, without a bound if it is None;
        loading goes on. The index stays as it is while `work` lasts, which is done in a thread where it takes long.

        Raises:
            ProviderError: the store did not answer; nothing is served from memory then.
        """
        held = await self._current(owner, patience, by_contents=by_contents)
        if held is None:
            return None
        index = held.index
        done = known(index)
        if done is not None:
            self._note("repeated")
            return done
        prepared = await prepare(index)
        if len(index.columns) <= self._most_on_loop:
            return work(index, prepared)
        async with held.applying:
            return await asyncio.to_thread(work, index, prepared)

    async def _current(self, owner: Owner, patience: float | None, *, by_contents: bool) -> HeldIndex | None:
        held = self._held.get(owner)
        if held is None:
            held = self._held[owner] = HeldIndex(owner=owner, bare=self._ranked is not None and not by_contents)
        self._held.move_to_end(owner)
        self._frequencies.add(owner, self.counts.owners)
        if self._now() < held.unknown_until:
            self._note("unknown")
            return None
        bare = None
        if by_contents and held.bare:
            bare = held
            held = bare.whole = bare.whole or HeldIndex(owner=owner)
        known = await (self._loaded(held, patience) if held.cursor is None else self._looked(held))
        if known is None:
            self._note("loading")
            return None
        if bare is not None and self._held.get(owner) is bare:
            self._forget(owner, bare)
            self._held[owner] = held
        if not known:
            self._note("unknown")
            self._leave(owner, held)
            return None
        self._count(owner, held)
        return held

    def is_loading(self, owner: Owner) -> bool:
        """Return whether an owner's index is being loaded."""
        held = self._held.get(owner)
        return held is not None and any(one and one.loading for one in (held, held.whole))

    async def close(self) -> None:
        """Stop loading."""
        for loading in [*self._loading]:
            await background.stop(loading)

    def forget(self) -> None:
        """Forget everything."""
        for owner, held in [*self._held.items()]:
            self._forget(owner, held)

    async def _loaded(self, held: HeldIndex, patience: float | None) -> bool | None:
        """Load an index once for all who ask, and return None where that takes longer than `patience`; it goes on.

        Those who come while it loads look once more, for what was written meanwhile. Its failure is that of all who
        wait: the store does not answer.
        """
        first = held.loading
        loading = held.loading = first or self._started(held)
        done, _ = await asyncio.wait([loading], timeout=patience)
        if not done:
            return None
        known = loading.result()
        return known if first is None else await self._looked(held)

    def _started(self, held: HeldIndex) -> asyncio.Task[bool]:
        """Start loading an index; who asked first may give up without the others."""
        loop = asyncio.get_running_loop()
        loading = loop.create_task(self._looked(held), name="recall index", context=background.detached())
        self._loading.add(loading)

        def loaded(task: asyncio.Task[bool]) -> None:
            self._loading.discard(task)
            held.loading = None
            if not task.cancelled():
                task.exception()  # so that nobody need be waiting for it

        loading.add_done_callback(loaded)
        return loading

    async def _looked(self, held: HeldIndex) -> bool:
        """Look at what changed; return whether the store could tell.

        Each recall takes its own look, because one that began before it may have missed what was acknowledged in
        between, and none waits for another's.
        """
        while True:
            asked = held.cursor
            source = self._ranked if held.bare and self._ranked is not None else self._source
            changes = await source.changes_since(held.owner, asked)
            if changes is None:
                return False
            async with held.applying:
                if held.cursor is not asked and held.cursor is not None and held.cursor.epoch != changes.cursor.epoch:
                    continue  # of two epochs nobody knows the later one without another look
                await self._apply(held, changes, warm=asked is not None)
            if changes.pages is None:
                return True

    async def _apply(self, held: HeldIndex, changes: Changes, *, warm: bool) -> None:
        """Bring an index up to date, in turns of the event loop; a whole new one takes its place at once."""
        whole = changes.whole or changes.packed is not None
        self._note(("dropped" if warm else "miss") if whole else "hit")
        same_epoch = held.cursor is not None and held.cursor.epoch == changes.cursor.epoch
        if same_epoch and changes.order < held.order:
            return  # a later look was applied meanwhile, and has seen all of this
        index = UserIndex(changes.expected) if whole else held.index
        await brought_up(index, changes)
        # Last, so that what was cut off in between is asked for again.
        held.index, held.cursor, held.order = index, changes.cursor, changes.order

    def _count(self, owner: Owner, held: HeldIndex) -> None:
        """Count the bytes of an index, and make room by those that were asked for longest ago until all fit.

        The records that are kept beside all indexes go before any index does. An index that was loaded serves this
        recall alone if those that would have to go for it were asked for as often as it was, or more often: else
        owners who ask in turns, and are more than fit, would drive each other out before any of them asks again.
        """
        if self._held.get(owner) is not held:
            return  # it was dropped meanwhile
        loaded = not held.counted
        self._recount(held)
        while self.counts.bytes > self._most_bytes and self._keeping:
            other = next(iter(self._keeping.values()))
            other.index.spare.forget()
            self._recount(other)
        if held.counted > self._most_bytes:
            self._note("evicted")
            self._leave(owner, held)
        elif loaded and self._is_passed(owner, held):
            self._note("passed")
            self._forget(owner, held)
        while self.counts.bytes > self._most_bytes:
            self._forget(*next(iter(self._held.items())))
            self._note("evicted")
        self.counts.owners = len(self._held)

    def _is_passed(self, owner: Owner, held: HeldIndex) -> bool:
        """Return whether others would have to go for an index that are asked for as often.

        What can be made again goes before any of them.
        """
        spare = sum(other.spare for other in self._keeping.values())
        asked, excess = 0, self.counts.bytes - spare - self._most_bytes
        if excess <= 0:
            return False
        for other in self._held.values():
            if excess <= 0:
                break
            if other is not held and other.counted:
                excess -= other.counted - other.spare
                asked += self._frequencies.of(other.owner)
        return asked >= self._frequencies.of(owner)

    def _leave(self, owner: Owner, held: HeldIndex) -> None:
        """Forget an index, and have none of this owner for a while."""
        self._forget(owner, held)
        self._held[owner] = HeldIndex(owner=owner, unknown_until=self._now() + ASK_AGAIN_SECONDS)

    def _note(self, event: str) -> None:
        self.counts.events[event] += 1
        self._counted(event)

    def _recount(self, held: HeldIndex) -> None:
        self._keeping.pop(held.owner, None)
        held.spare = held.index.spare.nbytes
        if held.spare:
            self._keeping[held.owner] = held  # the last now
        held.counted, former = held.index.nbytes + held.spare + _LEAST_BYTES, held.counted
        self.counts.bytes += held.counted - former

    def _forget(self, owner: Owner, held: HeldIndex) -> None:
        if self._held.get(owner) is held:
            del self._held[owner]
            self._keeping.pop(owner, None)
        self.counts.bytes -= held.counted
        held.counted = 0
        self.counts.owners = len(self._held)
