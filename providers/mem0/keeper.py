"""One state for each memory, out of a store that keeps as many copies as it is sent.

mem0 has no versions, no tombstones, and stores a repeated write twice. So nothing is ever changed in place: a new state
is a new copy beside the old ones, of all copies the one that `providers/states/merging.py` chooses counts, and the
others are removed once it is there. Whatever breaks off in between, the same state is read, and the next who looks
cleans up.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import reduce
from uuid import UUID
from weakref import WeakValueDictionary

from msgspec import Struct

from providers.errors import Unavailable
from providers.mem0.aftercare import Aftercare
from providers.mem0.codec import KEY, Malformed, metadata_of, state_of, text_of
from providers.mem0.dialects.base import Dialect
from providers.mem0.directory import Directory
from providers.mem0.item import Item
from providers.mem0.memo import Memo
from providers.mem0.names import deleted_of, name_of
from providers.states.merging import merged
from providers.types import Snapshot

FOREIGN_USER, MALFORMED = "foreign_user", "malformed"
DROPPED = (FOREIGN_USER, MALFORMED)

_RANDOM_UUID = 4


class Copy(Struct, frozen=True):
    """A state of a memory, and where mem0 keeps it."""

    item: Item
    state: Snapshot


class Found(Struct, frozen=True):
    """What is kept of one memory: the state that counts, None if there is none, and all copies."""

    state: Snapshot | None
    copies: list[Copy]


class Keeper:
    """Look for memories and bring them to a state; `dropped` is told why something in an answer was left out."""

    def __init__(
        self,
        dialect: Dialect,
        memo: Memo,
        dropped: Callable[[str], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._dialect = dialect
        self._memo = memo
        self._dropped = dropped
        self._directory = Directory(dialect, memo)
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        self._aftercare = Aftercare(self.tidied, sleep)

    @asynccontextmanager
    async def alone(self, user_id: str, memory_id: str) -> AsyncIterator[None]:
        """Be the only one in this process who changes a memory."""
        lock = self._locks.setdefault((user_id, memory_id), asyncio.Lock())
        async with lock:
            yield

    async def look(self, user_id: str, memory_id: str) -> Found:
        """Give what is kept of a memory."""
        names = (name_of(user_id), deleted_of(user_id))
        items, foreign = await asyncio.gather(self._dialect.find(names, memory_id), self._foreign(names[0], memory_id))
        copies = [copy for copy in self.copies_of([*items, *foreign], names) if copy.state.id == memory_id]
        found = Found(chosen(copy.state for copy in copies), copies)
        if found.state is not None:
            self._memo.note(found.state)
        return found

    async def store(self, state: Snapshot, found: Found) -> None:
        """Make a state the only one; `found` is what was there."""
        await self.add(state, [copy for copy in found.copies if copy.state == state])
        await self._remove(copy for copy in found.copies if copy.state != state)

    async def add(self, state: Snapshot, equal: Sequence[Copy] = ()) -> None:
        """Store a copy, unless there are equal ones; of those one stays."""
        name = deleted_of(state.user_id) if state.deleted else name_of(state.user_id)
        self._memo.touch(state.user_id, state.id)
        if not equal:
            await self._directory.enrol(state.user_id)
            with self._aftercare.of(state):
                if not await self._dialect.add(name, state.id, text_of(state), metadata_of(state)):
                    raise Unavailable("mem0 has stored nothing of it", ambiguous=True)
            if not state.deleted:
                self._memo.has_one_more(state.user_id)
        self._memo.note(state)
        # The least id stays, so that two who clean up at once agree.
        await self._remove(sorted(equal, key=lambda copy: copy.item.id)[1:])

    async def tidy(self, found: Found) -> None:
        """Remove all copies but one of the state that counts; of a merged state that nobody holds, store one."""
        state = found.state
        if state is not None and len(found.copies) > 1:
            await self.store(state, found)

    def copies_of(self, items: Iterable[Item], names: Sequence[str]) -> list[Copy]:
        """Read the memories in an answer; what belongs to others, or is none, is left out and counted."""
        copies = []
        for item in items:
            if item.user not in names:
                self._dropped(FOREIGN_USER)
                continue
            try:
                copies.append(Copy(item, state_of(item)))
            except Malformed:
                self._dropped(MALFORMED)
        return copies

    async def tidied(self, user_id: str, memory_id: str) -> Found:
        """Look, and clean up what is there more than once."""
        async with self.alone(user_id, memory_id):
            found = await self.look(user_id, memory_id)
            await self.tidy(found)
        return found

    async def close(self) -> None:
        """End what still looks after late writes."""
        await self._aftercare.close()

    async def _remove(self, copies: Iterable[Copy]) -> None:
        await asyncio.gather(*(self._dialect.remove(copy.item.user, copy.item.id) for copy in copies))

    async def _foreign(self, name: str, memory_id: str) -> list[Item]:
        """Give what others have put into mem0 under this id of mem0's; mem0 mints random ids, we never do."""
        if UUID(memory_id).version != _RANDOM_UUID:
            return []
        item = await self._dialect.fetch(name, memory_id)
        # Of another user's memory nothing is to be told, not even that it is there.
        return [] if item is None or item.user != name or KEY in (item.metadata or {}) else [item]


def chosen(states: Iterable[Snapshot]) -> Snapshot | None:
    """Give the state that counts of all copies of one memory."""
    known = list(states)
    return reduce(merged, known) if known else None
