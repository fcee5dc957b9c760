"""KeyedMemoryProvider: memories in a store of states by id, ranked in this process by their words."""

from collections.abc import Sequence
from functools import partial
from typing import TypeVar

from providers import limits
from providers.answer_size import page_within, recall_within
from providers.answers import Changed, DeletedBy, Erased, Fetched, Found, Stored
from providers.asking import as_of
from providers.batches import answer_all
from providers.erasure.fences import FenceList
from providers.errors import MemoryNotFound, ProviderError, Rejected
from providers.expiry import has_expired
from providers.keyed.replication import KeyedReplica
from providers.keyed.steps import StateStep, changing, checked, erasing, storing
from providers.owners import Owner
from providers.states.editing import deleted_by
from providers.store import RECENT_CHANGES
from providers.timing.turns import in_turns
from providers.types import Deletion, Edit, NewMemory, PageQuery, RecallQuery

Answer = TypeVar("Answer")

CONCURRENT_RECALLS = 8  # questions of one batch that are asked at once


class KeyedMemoryProvider(KeyedReplica):
    """Memories as states by id, compared and set; which store keeps them is a matter of the parts."""

    async def store_many(self, memories: Sequence[NewMemory]) -> list[Stored | ProviderError]:
        """See `MemoryStore`."""
        limits.check_batch("memories", memories)
        storing = partial(self._storing, await self.parts.erasing.listed())
        return await self.parts.shelf.settle(await in_turns(partial(checked, storing), memories))

    async def find(self, query: RecallQuery) -> Found:
        """See `MemoryStore`."""
        limits.check_recall(query)
        query = as_of(query, self._clock.moment())
        return await recall_within(await self.parts.recall.find(query), query.most_bytes)

    async def find_many(self, queries: Sequence[RecallQuery]) -> list[Found | ProviderError]:
        """See `MemoryStore`."""
        limits.check_batch("queries", queries)
        return await answer_all(queries, self.find, CONCURRENT_RECALLS, values=Rejected)

    async def fetch(self, owner: Owner, memory_id: str) -> Fetched:
        """See `MemoryStore`."""
        state = await self.snapshot(owner, memory_id)
        if state is None or state.deleted or has_expired(state, self._clock.moment()):
            raise MemoryNotFound(memory_id)
        return Fetched(memory=state.record)

    async def page(self, query: PageQuery) -> Found:
        """See `MemoryStore`."""
        limits.check_page(query)
        query = as_of(query, self._clock.moment())
        return await page_within(await self.parts.reader.page(query), query.most_bytes)

    async def change(self, edit: Edit) -> Changed:
        """See `MemoryStore`."""
        edit = limits.check_edit(edit)
        return Changed(memory=await self._taken(changing(edit, self._clock, await self._erased(edit.owner))))

    async def erase(self, deletion: Deletion) -> Erased:
        """See `MemoryStore`."""
        deletion = limits.check_deletion(deletion)
        return Erased(count=await self._taken(erasing(deletion, await self._erased(deletion.owner))))

    async def deleted_by(self, owner: Owner, edit_id: str) -> DeletedBy:
        """See `MemoryStore`."""
        limits.check_owner(owner)
        edit_id = limits.check_uuid("edit_id", edit_id)
        states = await self.parts.reader.recently_changed(owner, RECENT_CHANGES)
        found = (state.id for state in states if state.deleted and deleted_by(state, edit_id))
        return DeletedBy(memory_id=next(found, None))

    def _storing(self, fences: FenceList, memory: NewMemory) -> StateStep[Stored]:
        memory = limits.check_new_memory(memory)
        if memory.version is not None:  # one that is minted here is above all
            fences.check(memory.owner, memory.version)
        return storing(memory, self._clock)

    async def _erased(self, owner: Owner) -> int:
        """Return up to which version an owner was erased, as this process knows it; see `Erasing`."""
        return (await self.parts.erasing.listed()).version_of(owner)

    async def _taken(self, step: StateStep[Answer]) -> Answer:
        """Take a step by itself, and raise what it is refused with."""
        [answer] = await self.parts.shelf.settle([step])
        if isinstance(answer, ProviderError):
            raise answer
        return answer
