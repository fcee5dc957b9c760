"""Writes to mem0: look, decide as every provider does, store, clean up."""

from copy import deepcopy
from uuid import UUID

from msgspec import UnsetType

from providers.errors import Conflict, MemoryDeleted, MemoryNotFound
from providers.mem0.dialects.base import Dialect
from providers.mem0.keeper import Found, Keeper
from providers.mem0.memo import Memo
from providers.mem0.names import name_of
from providers.states.clock import HybridClock, new_memory_id
from providers.states.editing import deleted_by, edited, first_state, tombstone_of
from providers.states.merging import merged
from providers.types import Metadata, NewMemory, Snapshot

# An id made so lately, and not yet tried here, cannot be at mem0: a minute is longer than any caller waits.
FRESH_MS = 60_000
_UUID7 = 7


class Writer:
    """Change one memory at a time; arguments are checked before they come here."""

    def __init__(self, dialect: Dialect, keeper: Keeper, memo: Memo, clock: HybridClock) -> None:
        self._dialect = dialect
        self._keeper = keeper
        self._memo = memo
        self._clock = clock

    async def remember(self, memory: NewMemory, *, may_be_fresh: bool = False) -> str:
        """Store a memory once and give its id.

        One that was minted a moment ago is stored without a look, which halves the time; `may_be_fresh` allows that to
        a caller who brings every memory here first.

        Raises:
            Conflict: the id was stored with another content or other metadata.
            MemoryDeleted: the id was deleted.
        """
        version = self._clock.next() if memory.version is None else memory.version
        self._clock.meet(version)
        memory_id = memory.memory_id and memory.memory_id.lower()
        minted = memory_id is None
        if memory_id is None:
            memory_id = new_memory_id(self._clock.milliseconds)
        # A copy, since the caller may change its metadata.
        state = deepcopy(first_state(memory, memory_id, version, self._clock.moment()))
        async with self._keeper.alone(state.user_id, memory_id):
            if minted or (may_be_fresh and self._is_fresh(state)):
                await self._keeper.add(state)
                return memory_id
            found = await self._keeper.look(state.user_id, memory_id)
            if found.state is None:
                await self._keeper.add(state)
                return memory_id
            await self._keeper.tidy(found)
        if found.state.deleted:
            raise MemoryDeleted(memory_id)
        if found.state.digest != state.digest:
            raise Conflict(memory_id)
        return memory_id

    async def infer(self, memory: NewMemory) -> str:
        """Let mem0 keep what it finds worth keeping, and give mem0's id of the first such memory.

        If it finds nothing, the id is one under which nothing is.
        """
        ids = await self._dialect.infer(name_of(memory.user_id), memory.content, memory.metadata)
        return ids[0] if ids else memory.memory_id or new_memory_id(self._clock.milliseconds)

    async def update(
        self,
        user_id: str,
        memory_id: str,
        content: str | UnsetType,
        metadata: Metadata | UnsetType | None,
        version: int | None,
        edit_id: str | None,
    ) -> Snapshot:
        """Replace what is given, unless the version is not newer or the edit was applied already.

        Raises:
            MemoryNotFound: there is none under this id.
        """
        async with self._keeper.alone(user_id, memory_id):
            found = await self._keeper.look(user_id, memory_id)
            if found.state is None or found.state.deleted:
                raise MemoryNotFound(memory_id)
            if version is None:
                self._clock.observe(found.state.version)
                version = self._clock.next()
            state = edited(found.state, content, deepcopy(metadata), version, edit_id, self._clock.moment())  # as above
            await self._settle(state, found)
        return state

    async def delete(self, user_id: str, memory_id: str, version: int | None, edit_id: str | None) -> bool:
        """Leave a tombstone where a memory is, and tell whether there was one, or this very edit deleted it.

        Also where this process has tried to store one: what mem0 has not told about may still land.
        """
        async with self._keeper.alone(user_id, memory_id):
            tried = self._memo.touched(user_id, memory_id)
            found = await self._keeper.look(user_id, memory_id)
            stored = found.state
            if stored is None and not tried:
                return False
            if stored is not None and stored.deleted:
                await self._keeper.tidy(found)
                return deleted_by(stored, edit_id)
            if stored is not None:
                self._clock.observe(stored.version)
            version = self._clock.next() if version is None else version
            tombstone = Snapshot(
                user_id=user_id,
                id=memory_id,
                version=version,
                content=None,
                edits=() if edit_id is None else (edit_id,),
            )
            if stored is not None:
                tombstone = tombstone_of(stored, version, edit_id)
            await self._keeper.store(tombstone, found)
        return stored is not None

    async def put(self, state: Snapshot) -> None:
        """Bring a memory to a state, unless what is there counts more.

        Raises:
            MemoryDeleted: a live memory met a tombstone.
        """
        self._clock.meet(state.version)
        async with self._keeper.alone(state.user_id, state.id):
            found = await self._keeper.look(state.user_id, state.id)
            await self._settle(state if found.state is None else merged(found.state, state), found)
        if found.state is not None and found.state.deleted and not state.deleted:
            raise MemoryDeleted(state.id)

    async def _settle(self, state: Snapshot, found: Found) -> None:
        if state == found.state:
            await self._keeper.tidy(found)
        else:
            await self._keeper.store(state, found)

    def _is_fresh(self, state: Snapshot) -> bool:
        uuid = UUID(state.id)
        if uuid.version != _UUID7 or self._memo.touched(state.user_id, state.id):
            return False
        return abs(self._clock.milliseconds() - (uuid.int >> 80)) < FRESH_MS
