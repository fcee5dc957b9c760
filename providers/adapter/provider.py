"""ProviderAdapter: a `MemoryProvider` out of a stranger's provider that has just the methods of SPEC-020."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from providers import limits
from providers.adapter.conversion import field_of, id_of, record_of, translated
from providers.adapter.protocols import BasicProvider, DeletesMemories, ListsMemories
from providers.answer_size import page_within, recall_within
from providers.answers import PARTIAL, PLAIN_ORDER, Changed, Erased, Fetched, Found, Stored
from providers.base import MemoryProvider
from providers.batches import answer_all
from providers.errors import MemoryNotFound, ProviderError, Unavailable, Unsupported
from providers.health import Health
from providers.labels import labels_of
from providers.limits import MAX_BATCH
from providers.owners import Owner
from providers.search.paging import paged, partial_unless
from providers.types import ALL, Conditions, Deletion, Edit, MemoryRecord, NewMemory, PageQuery, RecallQuery

PAGE_SIZE = 100
MAX_PAGES = 1_000
MAX_HITS = 1_000  # in one search for memories that meet conditions

# Of each page, how many memories the next one is to begin with: as long as one of them does stand there, nothing that
# came after them was passed over, whatever was stored or deleted meanwhile.
_OVERLAP = 10
_MORE = 5


class ListedMemory(Struct, frozen=True):
    """A memory as callers see it, and the id by which the wrapped provider knows it."""

    record: MemoryRecord
    original_id: Any


class ProviderAdapter(MemoryProvider):
    """Wrap a provider that has `remember`, `recall`, `health_check` and, at best, `delete` and `list_memories`.

    It must return memories as dicts or objects with `id`, `content` and `created_at` (ISO 8601 or a datetime, UTC where
    no zone is named), and optionally the other fields of `MemoryRecord`. Ids stay the same; a score lies in [0, 1] or
    counts as none. The order of hits is kept. That of a list is free, but changes only with a write; the list heeds
    `limit` and `offset`. What belongs to another user is left out. Any error but a `ProviderError` counts as an outage,
    an ambiguous one for writes. A user of another tenant than the default one is named by `Owner.key`, which the
    provider must keep as it is.

    Ids that are no canonical UUIDs are replaced by UUIDs derived from them. Conditions, ranges, pages and single
    memories are emulated by asking for more and sorting here. What cannot be emulated safely is refused as
    `Unsupported`: labels; an expiry; a change of a memory; an id, version, moment or edit id from above, so that no
    write is idempotent; and listing or deleting where the method is missing. An adapter is no replica, so that it
    cannot stand in a chain.
    """

    def __init__(self, provider: BasicProvider) -> None:
        self._provider = provider

    async def store_many(self, memories: Sequence[NewMemory]) -> list[Stored | ProviderError]:
        """See `MemoryStore`; an outage is the answer for its memory alone, since the others must not be repeated."""
        limits.check_batch("memories", memories)
        return await answer_all(memories, self._put_new, 1)

    async def find(self, query: RecallQuery) -> Found:
        """See `MemoryStore`; the answer is `partial` where more memories may meet the conditions."""
        limits.check_recall(query)
        found = await self._found(query)
        return replace(found, degraded=(*found.degraded, PLAIN_ORDER)) if query.options.of_ranking else found

    async def _found(self, query: RecallQuery) -> Found:
        asked, before = query.limit, 0
        while True:
            hits = await self._hits(query, asked)
            found = Found(memories=_admitted(query, hits)[: query.limit])
            if len(found.memories) == query.limit or not query.conditional or before < len(hits) < asked:
                return await recall_within(found, query.most_bytes)
            if len(hits) <= before or asked == MAX_HITS:
                return await recall_within(replace(found, degraded=(PARTIAL,)) if hits else found, query.most_bytes)
            asked, before = min(asked * _MORE, MAX_HITS), len(hits)

    async def find_many(self, queries: Sequence[RecallQuery]) -> list[Found | ProviderError]:
        """See `MemoryStore`."""
        limits.check_batch("queries", queries)
        return await answer_all(queries, self.find, 1)

    async def fetch(self, owner: Owner, memory_id: str) -> Fetched:
        """See `MemoryStore`."""
        limits.check_owner(owner)
        listed = await self._lookup(owner, limits.check_memory_id(memory_id))
        if listed is None:
            raise MemoryNotFound(memory_id)
        return Fetched(memory=listed.record)

    async def page(self, query: PageQuery) -> Found:
        """See `MemoryStore`; the answer is `partial` if the list did not come to rest."""
        limits.check_page(query)
        listed, whole = await self._everything(query.owner)
        return await page_within(paged(query, [one.record for one in listed], whole=whole), query.most_bytes)

    async def change(self, edit: Edit) -> Changed:
        """Refuse: the specification has no method that changes a memory."""
        limits.check_edit(edit)
        raise Unsupported("change a memory")

    async def erase(self, deletion: Deletion) -> Erased:
        """See `MemoryStore`; only what stands in the owner's list is deleted."""
        deletion = limits.check_deletion(deletion)
        _refuse("take the version of a deletion", deletion.version)
        _refuse("delete a memory only in one version", deletion.seen)
        _refuse("make a deletion that can be repeated", deletion.edit_id)
        self._deleter()
        listed = await self._lookup(deletion.owner, deletion.memory_id)
        return Erased(count=0 if listed is None else await self._delete(listed))

    async def erase_all(self, owner: Owner, limit: int = MAX_BATCH, conditions: Conditions = ALL) -> Erased:
        """See `MemoryStore`."""
        limits.check_erase_all(owner, limit, conditions)
        self._deleter()
        listed, whole = await self._everything(owner)
        chosen = [one for one in listed if conditions.admits(one.record)][:limit]
        count = sum([await self._delete(one) for one in chosen])
        return Erased(count=count, degraded=partial_unless(whole=whole))

    async def health_check(self) -> Health:
        """See `MemoryStore`."""
        name = type(self._provider).__name__
        try:
            with translated(writes=False):
                health = await self._provider.health_check()
                error = field_of(health, "error")
                return Health(
                    healthy=bool(field_of(health, "healthy")),
                    provider=str(field_of(health, "provider") or name),
                    error=None if error is None else str(error),
                )
        except ProviderError as error:
            return Health(healthy=False, provider=name, error=str(error))

    async def _put_new(self, memory: NewMemory) -> Stored:
        memory = limits.check_new_memory(memory)
        _refuse("store under a given id, as an Idempotency-Key asks for", memory.memory_id)
        _refuse("store under a given version", memory.version)
        _refuse("store with a given moment", memory.created_at)
        _refuse("hide a memory from some moment on", memory.expires_at)
        for name, label in labels_of(memory).items():
            _refuse("keep a key" if name == "key" else f"keep the label '{name}'", label)
        with translated(writes=True):
            # A copy, since either side may change its metadata.
            minted = await self._provider.remember(memory.owner.key, memory.content, deepcopy(memory.metadata))
        if minted in {None, ""}:
            raise Unavailable("the wrapped provider returns no id", ambiguous=True)
        return Stored(id=id_of(minted))

    async def _hits(self, query: RecallQuery, limit: int) -> list[MemoryRecord]:
        with translated(writes=False):
            items = await self._provider.recall(query.owner.key, query.query, limit)
            return [record_of(query.owner, item) for item in items]

    async def _lookup(self, owner: Owner, memory_id: str) -> ListedMemory | None:
        """Return a memory out of its owner's list.

        Raises:
            Unavailable: it is not there, but the list is not known to be whole.
        """
        listed, whole = await self._everything(owner)
        found = next((one for one in listed if one.record.id == memory_id), None)
        if found is None and not whole:
            raise Unavailable("the wrapped provider's list did not come to rest")
        return found

    async def _everything(self, owner: Owner) -> tuple[list[ListedMemory], bool]:
        """Return an owner's memories from newest to oldest, and whether these are all."""
        known: dict[str, ListedMemory] = {}
        offset, whole = 0, False
        for _ in range(MAX_PAGES):
            page = await self._listed(owner, offset)
            if offset and known.keys().isdisjoint(page):
                break
            if page.keys() <= known.keys():
                whole = True
                break
            known |= page
            offset += len(page) - min(_OVERLAP, max(1, len(page) // 2))
        mine = [one for one in known.values() if one.record.owner == owner]
        return sorted(mine, key=lambda one: one.record.place, reverse=True), whole

    async def _listed(self, owner: Owner, offset: int) -> dict[str, ListedMemory]:
        if not isinstance(self._provider, ListsMemories):
            raise Unsupported("list memories")
        with translated(writes=False):
            items = await self._provider.list_memories(owner.key, PAGE_SIZE, offset)
            listed = [ListedMemory(record_of(owner, item), field_of(item, "id")) for item in items]
        return {one.record.id: replace(one, record=replace(one.record, similarity_score=None)) for one in listed}

    async def _delete(self, listed: ListedMemory) -> int:
        with translated(writes=True):
            return int(bool(await self._deleter().delete(listed.record.owner.key, listed.original_id)))

    def _deleter(self) -> DeletesMemories:
        if not isinstance(self._provider, DeletesMemories):
            raise Unsupported("delete memories")
        return self._provider


def _refuse(what: str, given: object) -> None:
    if given is not None:
        raise Unsupported(what)


def _admitted(query: RecallQuery, hits: Sequence[MemoryRecord]) -> list[MemoryRecord]:
    """Return the hits of the owner that meet the conditions, in order.

    Raises:
        Unsupported: a least score is asked for, and there are hits without a score.
    """
    mine = [hit for hit in hits if hit.owner == query.owner and query.admits(hit)]
    if query.min_score > 0 and any(hit.similarity_score is None for hit in mine):
        raise Unsupported("say how near a memory is, as min_score asks for")
    return [hit for hit in mine if hit.similarity_score is None or 0 < hit.similarity_score >= query.min_score]
