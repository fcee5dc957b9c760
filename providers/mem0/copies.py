"""One state for each memory, out of a store that holds as many copies as it is sent.

mem0 has no versions, no tombstones, and stores a repeated write twice. So nothing is ever changed in place: a new state
is a new copy beside the old ones, of all copies the one that `providers/states/merging.py` chooses counts, and the
others are removed once it is there. Whatever breaks off in between, the same state is read, and the next look cleans
up.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import reduce
from uuid import UUID
from weakref import WeakValueDictionary

from msgspec import Struct

from providers.errors import Unavailable
from providers.mem0.cache import Mem0Cache
from providers.mem0.codec import KEY, Malformed, metadata_of, state_of, text_of
from providers.mem0.dialects.base import Dialect
from providers.mem0.directory import Directory
from providers.mem0.item import Item
from providers.mem0.names import deleted_of, name_of
from providers.mem0.reconciliation import Reconciliation, Sleep
from providers.owners import Owner
from providers.states.merging import merged
from providers.types import Snapshot

FOREIGN_USER, MALFORMED = "foreign_user", "malformed"
DROPPED = (FOREIGN_USER, MALFORMED)
_RANDOM_UUID = 4


class Copy(Struct, frozen=True):
    """A state of a memory, and the item in which mem0 stores it."""

    item: Item
    state: Snapshot


class Copies(Struct, frozen=True):
    """All copies of one memory, and the state that counts; None if there is none."""

    state: Snapshot | None
    copies: list[Copy]


class CopyStore:
    """Read the copies of a memory and bring them to one state; `count_dropped` takes why an item was left out."""

    def __init__(
        self, dialect: Dialect, cache: Mem0Cache, count_dropped: Callable[[str], None], sleep: Sleep = asyncio.sleep
    ) -> None:
        self._dialect, self._cache, self._count_dropped = dialect, cache, count_dropped
        self._directory = Directory(dialect, cache)
        self._locks: WeakValueDictionary[tuple[Owner, str], asyncio.Lock] = WeakValueDictionary()
        self._reconciliation = Reconciliation(self.reconcile, sleep)

    @asynccontextmanager
    async def lock(self, owner: Owner, memory_id: str) -> AsyncIterator[None]:
        """Keep everybody else in this process from changing a memory."""
        async with self._locks.setdefault((owner, memory_id), asyncio.Lock()):
            yield

    async def load(self, owner: Owner, memory_id: str) -> Copies:
        """Return what mem0 has of a memory."""
        names = (name_of(owner), deleted_of(owner))
        items, foreign = await asyncio.gather(self._dialect.find(names, memory_id), self._foreign(names[0], memory_id))
        copies = [copy for copy in self.copies_of([*items, *foreign], names) if copy.state.id == memory_id]
        found = Copies(chosen(copy.state for copy in copies), copies)
        if found.state is not None:
            self._cache.put(found.state)
        return found

    async def replace(self, state: Snapshot, found: Copies) -> None:
        """Make a state the only one; `found` is what was there."""
        await self.add(state, [copy for copy in found.copies if copy.state == state])
        await self._remove(copy for copy in found.copies if copy.state != state)

    async def add(self, state: Snapshot, equal: Sequence[Copy] = ()) -> None:
        """Store a copy, unless there are equal ones; of those one stays."""
        name = deleted_of(state.owner) if state.deleted else name_of(state.owner)
        self._cache.mark_tried(state.owner, state.id)
        if not equal:
            await self._directory.register(state.owner)
            with self._reconciliation.watch(state):
                if not await self._dialect.add(name, state.id, text_of(state), metadata_of(state)):
                    raise Unavailable("mem0 has stored nothing of it", ambiguous=True)
            if not state.deleted:
                self._cache.increment_count(state.owner)
        self._cache.put(state)
        # The least id stays, so that two processes that clean up at once agree.
        await self._remove(sorted(equal, key=lambda copy: copy.item.id)[1:])

    async def clean_up(self, found: Copies) -> None:
        """Remove all copies but one of the state that counts; store it first if it is merged and no copy holds it."""
        state = found.state
        if state is not None and len(found.copies) > 1:
            await self.replace(state, found)

    def copies_of(self, items: Iterable[Item], names: Sequence[str]) -> list[Copy]:
        """Read the memories in an answer; leave out and count what belongs to other users, or is no memory."""
        copies = []
        for item in items:
            if item.user not in names:
                self._count_dropped(FOREIGN_USER)
                continue
            try:
                copies.append(Copy(item, state_of(item)))
            except Malformed:
                self._count_dropped(MALFORMED)
        return copies

    async def reconcile(self, owner: Owner, memory_id: str) -> Copies:
        """Load a memory, and clean up what is there more than once."""
        async with self.lock(owner, memory_id):
            found = await self.load(owner, memory_id)
            await self.clean_up(found)
        return found

    async def close(self) -> None:
        """Cancel the reconciliation of ambiguous writes."""
        await self._reconciliation.close()

    async def _remove(self, copies: Iterable[Copy]) -> None:
        await asyncio.gather(*(self._dialect.remove(copy.item.user, copy.item.id) for copy in copies))

    async def _foreign(self, name: str, memory_id: str) -> list[Item]:
        """Return what others have put into mem0 under this id of mem0's; mem0 mints random ids, we never do."""
        if UUID(memory_id).version != _RANDOM_UUID:
            return []
        item = await self._dialect.fetch(name, memory_id)
        # Nothing is said of another user's memory, not even that it is there.
        return [] if item is None or item.user != name or KEY in (item.metadata or {}) else [item]


def chosen(states: Iterable[Snapshot]) -> Snapshot | None:
    """Return the state that counts of all copies of one memory."""
    known = list(states)
    return reduce(merged, known) if known else None
