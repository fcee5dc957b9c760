"""QuotaProvider: a provider that takes no more than its owners may hold."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from msgspec import UNSET

from app.quotas.quotas import Quotas
from observability.notes import current
from providers.answers import Changed, Erased, Stored
from providers.base import MemoryProvider
from providers.batches import answer_all
from providers.errors import MemoryNotFound, ProviderError, QuotaExceeded, Unavailable
from providers.holdings import Holdings, bytes_of
from providers.limits import MAX_BATCH, check_batch
from providers.owners import Owner
from providers.types import ALL, Conditions, Deletion, Edit, NewMemory
from providers.wrapper import Call, OperationName, Result, Wrapper

REFUSED = "quota"  # in the access line and the audit
_AT_ONCE = 4  # looks for memories of one batch

Answer = TypeVar("Answer")
Item = TypeVar("Item", NewMemory, Edit)


class QuotaProvider(Wrapper):
    """Refuse what would be too much before anything is done, item by item in a batch.

    Deletions always pass, and so do edits after which a memory is no larger, and repetitions of what was stored before.
    """

    def __init__(self, provider: Callable[[], MemoryProvider], quotas: Quotas) -> None:
        self._provider, self._quotas = provider, quotas

    async def through(self, operation: OperationName, call: Call[Result], size: int = 1) -> Result:  # noqa: ARG002 - see `Wrapper`
        """See `Wrapper`."""
        return await call(self._provider())

    async def store(self, memory: NewMemory) -> Stored:
        """See `MemoryStore`."""
        taken = await self._refusing(self._taken(memory))
        return await self._ending(memory.owner, taken, self._provider().store(memory))

    async def store_many(self, memories: Sequence[NewMemory]) -> list[Stored | ProviderError]:
        """See `MemoryStore`."""
        check_batch("memories", memories)
        taken = await answer_all(memories, self._taken, _AT_ONCE, values=QuotaExceeded)
        return await self._of_batch(memories, taken, lambda some: self._provider().store_many(some))

    def puts_keyed(self, owner: Owner) -> bool:
        """See `MemoryStore`; what is to be counted depends on what has the key."""
        return not self._quotas.concern(owner) and self._provider().puts_keyed(owner)

    async def change(self, edit: Edit) -> Changed:
        """See `MemoryStore`."""
        taken = await self._refusing(self._taken_by(edit))
        return await self._ending(edit.owner, taken, self._provider().change(edit))

    async def change_many(self, edits: Sequence[Edit]) -> list[Changed | ProviderError]:
        """See `MemoryStore`."""
        check_batch("edits", edits)
        taken = await answer_all(edits, self._taken_by, _AT_ONCE, values=QuotaExceeded)
        return await self._of_batch(edits, taken, lambda some: self._provider().change_many(some))

    async def erase(self, deletion: Deletion) -> Erased:
        """See `MemoryStore`."""
        erased = await self._provider().erase(deletion)
        self._quotas.free(deletion.owner, erased.count)
        return erased

    async def erase_many(self, deletions: Sequence[Deletion]) -> list[Erased | ProviderError]:
        """See `MemoryStore`."""
        answers = await self._provider().erase_many(deletions)
        for deletion, answer in zip(deletions, answers, strict=True):
            if isinstance(answer, Erased):
                self._quotas.free(deletion.owner, answer.count)
        return answers

    async def erase_all(self, owner: Owner, limit: int = MAX_BATCH, conditions: Conditions = ALL) -> Erased:
        """See `MemoryStore`."""
        erased = await self._provider().erase_all(owner, limit, conditions)
        self._quotas.free(owner, erased.count)
        return erased

    async def _taken(self, memory: NewMemory) -> Holdings:
        """Count a new memory; one that is there already needs no room."""
        if not self._quotas.concern(memory.owner):
            return Holdings()
        amount = Holdings(1, bytes_of(memory.content, memory.metadata))
        try:
            await self._quotas.take(memory.owner, amount)
        except QuotaExceeded:
            if memory.memory_id is None or not await self._may_hold(memory.owner, memory.memory_id):
                raise
            return Holdings()
        return amount

    async def _taken_by(self, edit: Edit) -> Holdings:
        """Count by how much an edit makes a memory larger; where there is room, at most that is good enough."""
        if (edit.content is UNSET and edit.metadata is UNSET) or not self._quotas.concern(edit.owner):
            return Holdings()
        content = "" if edit.content is UNSET else edit.content
        amount = Holdings(0, bytes_of(content, None if edit.metadata is UNSET else edit.metadata))
        try:
            await self._quotas.take(edit.owner, amount)
        except QuotaExceeded:
            growth = await self._growth(edit)
            await self._quotas.take(edit.owner, growth)
            return growth
        return amount

    async def _growth(self, edit: Edit) -> Holdings:
        """Return by how much an edit makes a memory larger, nothing if it is not known."""
        try:
            memory = (await self._provider().fetch(edit.owner, edit.memory_id)).memory
        except ProviderError:
            return Holdings()  # the store says what is wrong with it
        content = memory.content if edit.content is UNSET else edit.content
        metadata = memory.metadata if edit.metadata is UNSET else edit.metadata
        return Holdings(0, bytes_of(content, metadata) - bytes_of(memory.content, memory.metadata))

    async def _may_hold(self, owner: Owner, memory_id: str) -> bool:
        """Return whether a memory is there, so that storing it again is a repetition; unknown counts as there."""
        try:
            await self._provider().fetch(owner, memory_id)
        except MemoryNotFound:
            return False
        except ProviderError:
            return True
        return True

    async def _refusing(self, taking: Awaitable[Holdings]) -> Holdings:
        """Count what is refused as a whole, and note why nothing was done."""
        try:
            return await taking
        except QuotaExceeded as error:
            self._quotas.refuse(error)
            if (notes := current.get()) is not None:
                notes.refused = REFUSED
            raise

    async def _of_batch(
        self,
        items: Sequence[Item],
        taken: Sequence[Holdings | ProviderError],
        write: Callable[[Sequence[Item]], Awaitable[list[Answer | ProviderError]]],
    ) -> list[Answer | ProviderError]:
        """Write the items for which there is room, and put the refusals of the others in their places."""
        refused = [one for one in taken if isinstance(one, ProviderError)]
        for error in refused:
            if isinstance(error, QuotaExceeded):
                self._quotas.refuse(error)
        if len(refused) == len(items):
            return list(refused)
        counted = [(item, one) for item, one in zip(items, taken, strict=True) if isinstance(one, Holdings)]
        ends: Sequence[object] = [None] * len(counted)
        try:
            ends = answers = await write([item for item, _ in counted])
        except ProviderError as error:
            ends = [error] * len(counted)
            raise
        finally:
            for (item, one), end in zip(counted, ends, strict=True):
                self._quotas.end(item.owner, one, written=_may_be_written(end))
        left = iter(answers)
        return [one if isinstance(one, ProviderError) else next(left) for one in taken]

    async def _ending(self, owner: Owner, taken: Holdings, writing: Awaitable[Answer]) -> Answer:
        """Write, and tell the quotas how that has ended."""
        end: object = None
        try:
            return await writing
        except ProviderError as error:
            end = error
            raise
        finally:
            self._quotas.end(owner, taken, written=_may_be_written(end))


def _may_be_written(end: object) -> bool:
    """Return whether a write may have happened that was answered like this, or not at all."""
    return not isinstance(end, ProviderError) or (isinstance(end, Unavailable) and end.ambiguous)
