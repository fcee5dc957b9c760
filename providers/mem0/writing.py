"""Writes to mem0: load, decide as every provider does, store, clean up."""

from copy import deepcopy
from uuid import UUID

from providers.answers import Stored
from providers.errors import Conflict, MemoryDeleted, MemoryNotFound
from providers.expiry import has_expired
from providers.mem0.cache import Mem0Cache
from providers.mem0.copies import Copies, CopyStore
from providers.mem0.dialects.base import Dialect
from providers.mem0.names import name_of
from providers.states.clock import HybridClock, new_memory_id
from providers.states.editing import deleted_by, edited, first_state, is_meant, tombstone_of
from providers.states.merging import merged
from providers.states.touching import touched
from providers.touches import Touch
from providers.types import Deletion, Edit, NewMemory, Snapshot

# An id made so lately, and not yet tried here, cannot be at mem0: a minute is longer than any caller waits.
FRESH_MS = 60_000
_UUID7 = 7


class Mem0Writer:
    """Change one memory at a time; arguments are checked before they come here."""

    def __init__(self, dialect: Dialect, store: CopyStore, cache: Mem0Cache, clock: HybridClock) -> None:
        self._dialect, self._store = dialect, store
        self._cache, self._clock = cache, clock

    async def put_new(self, memory: NewMemory, *, may_be_fresh: bool = False) -> Stored:
        """Store a memory once and return its id and version.

        One that was minted a moment ago is stored without a look, which halves the time; `may_be_fresh` allows that to
        a caller who brings every memory here first.

        Raises:
            Conflict: the id was stored with another content or other metadata.
            MemoryDeleted: the id was deleted.
        """
        version = self._clock.next() if memory.version is None else memory.version
        self._clock.meet(version)
        memory_id = memory.memory_id or new_memory_id(self._clock.milliseconds)
        minted = memory.memory_id is None
        # A copy, since the caller may change its metadata.
        state = deepcopy(first_state(memory, memory_id, version, self._clock.moment()))
        async with self._store.lock(state.owner, memory_id):
            fresh = minted or (may_be_fresh and self._is_fresh(state))
            found = Copies(None, []) if fresh else await self._store.load(state.owner, memory_id)
            if found.state is None:
                await self._store.add(state)
                return Stored(id=memory_id, version=version)
            await self._store.clean_up(found)
        if found.state.deleted:
            raise MemoryDeleted(memory_id)
        if found.state.digest != state.digest:
            raise Conflict(memory_id)
        return Stored(id=memory_id, version=found.state.version)

    async def infer(self, memory: NewMemory) -> str:
        """Let mem0 keep what it finds worth keeping, and return mem0's id of the first such memory.

        If it finds nothing, the id is one under which nothing is.
        """
        ids = await self._dialect.infer(name_of(memory.owner), memory.content, memory.metadata)
        return ids[0] if ids else memory.memory_id or new_memory_id(self._clock.milliseconds)

    async def change(self, edit: Edit) -> Snapshot:
        """Apply an edit that is newer and was not applied before.

        Raises:
            MemoryNotFound: there is no memory, or it has expired.
        """
        async with self._store.lock(edit.owner, edit.memory_id):
            found = await self._store.load(edit.owner, edit.memory_id)
            now = self._clock.moment()
            if found.state is None or found.state.deleted or has_expired(found.state, now):
                raise MemoryNotFound(edit.memory_id)
            if (version := edit.version) is None:
                self._clock.observe(found.state.version)
                version = self._clock.next()
            # A copy, as above.
            state = deepcopy(edited(found.state, edit, version, now))
            await self._settle(state, found)
        return state

    async def erase(self, deletion: Deletion) -> bool:
        """Leave a tombstone where a memory is; return whether there was one, or this very edit deleted it.

        Also where this process has tried to store one: a write that mem0 has not answered may still land.
        """
        async with self._store.lock(deletion.owner, deletion.memory_id):
            tried = self._cache.was_tried(deletion.owner, deletion.memory_id)
            found = await self._store.load(deletion.owner, deletion.memory_id)
            stored = found.state
            if stored is None:
                if tried:
                    await self._store.replace(self._tombstone_of_nothing(deletion), found)
                return False
            if stored.deleted:
                await self._store.clean_up(found)
                return deleted_by(stored, deletion.edit_id)
            if not is_meant(deletion, stored):
                return False
            await self._store.replace(tombstone_of(stored, deletion.edit_id, deletion.version), found)
        return True

    async def put(self, state: Snapshot) -> None:
        """Bring a memory to a state, unless what is there counts more; raise `MemoryDeleted` if it lives no more."""
        self._clock.meet(state.version)
        async with self._store.lock(state.owner, state.id):
            found = await self._store.load(state.owner, state.id)
            await self._settle(state if found.state is None else merged(found.state, state), found)
        if found.state is not None and found.state.deleted and not state.deleted:
            raise MemoryDeleted(state.id)

    async def touch(self, touch: Touch) -> None:
        """Note that somebody was given a memory, where one is whose expiry slides."""
        async with self._store.lock(touch.owner, touch.memory_id):
            found = await self._store.load(touch.owner, touch.memory_id)
            if found.state is not None:
                await self._settle(touched(found.state, touch.moment), found)

    async def _settle(self, state: Snapshot, found: Copies) -> None:
        if state == found.state:
            await self._store.clean_up(found)
        else:
            await self._store.replace(state, found)

    def _tombstone_of_nothing(self, deletion: Deletion) -> Snapshot:
        return Snapshot(
            user_id=deletion.owner.key,
            id=deletion.memory_id,
            version=self._clock.next() if deletion.version is None else deletion.version,
            content=None,
            edits=() if deletion.edit_id is None else (deletion.edit_id,),
        )

    def _is_fresh(self, state: Snapshot) -> bool:
        uuid = UUID(state.id)
        if uuid.version != _UUID7 or self._cache.was_tried(state.owner, state.id):
            return False
        return abs(self._clock.milliseconds() - (uuid.int >> 80)) < FRESH_MS
