"""A store behind the list of fences: what was erased is neither put into it nor shown by it, whatever it still holds.

A store that keeps the list itself refuses what was erased. One that does not, or that was put back to an earlier state,
is held to the list of this process here, in the one place that every call of a chain passes.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TypeVar

from msgspec.structs import replace

from providers.answers import Changed, DeletedBy, Erased, Fetched, Found, Stored
from providers.changes import ChangeCursor, Changes
from providers.embedding_progress import EmbeddingProgress
from providers.erasure.fences import NEVER_ERASED, Fence, FenceList
from providers.errors import MemoryNotFound, ProviderError
from providers.feed import FeedPage, FeedQuery
from providers.health import Health
from providers.histories import VersionPlace
from providers.history import HistoryPage, HistoryQuery
from providers.holdings import Holdings, OwnerHoldings
from providers.introduction import Introduction, StoreMark
from providers.limits import MAX_BATCH
from providers.owners import Owner
from providers.replica import MAX_OWNERS, MAX_SNAPSHOTS, Replica
from providers.retention import Retention
from providers.summaries import OwnerSummary
from providers.touches import Touch
from providers.types import ALL, Conditions, Deletion, Edit, NewMemory, PageQuery, RecallQuery, Snapshot
from providers.versions_by_store import VersionOf

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class FencedReplica(Replica):
    """Pass every call on, without what is not above the fences."""

    def __init__(self, replica: Replica, fences: FenceList) -> None:
        self._replica, self._fences = replica, fences

    @property
    def changed_elsewhere(self) -> bool:
        """See `Replica`."""
        return self._replica.changed_elsewhere

    @property
    def staleness(self) -> float:
        """See `Replica`."""
        return self._replica.staleness

    @property
    def embedding_progress(self) -> EmbeddingProgress | None:
        """See `Replica`."""
        return self._replica.embedding_progress

    @property
    def ranking(self) -> str | None:
        """See `Replica`."""
        return self._replica.ranking

    @property
    def compares(self) -> bool:
        """See `Replica`."""
        return self._replica.compares

    @property
    def has_shards(self) -> bool:
        """See `Replica`."""
        return self._replica.has_shards

    def shard_of(self, owner: Owner) -> int:
        """See `Replica`."""
        return self._replica.shard_of(owner)

    @property
    def retention(self) -> Retention:
        """See `Replica`."""
        return self._replica.retention

    @property
    def keeps_fences(self) -> bool:
        """See `Replica`."""
        return self._replica.keeps_fences

    async def store(self, memory: NewMemory) -> Stored:
        """See `MemoryStore`."""
        return await (super().store(memory) if self._fences.of(memory.owner) else self._replica.store(memory))

    async def store_many(self, memories: Sequence[NewMemory]) -> list[Stored | ProviderError]:
        """See `MemoryStore`; one that has no version yet gets one that is above every fence."""
        return await self._put(memories, lambda one: (one.owner, one.version), self._replica.store_many)

    def puts_keyed(self, owner: Owner) -> bool:
        """See `MemoryStore`; of who was erased nothing is put in one statement, which knows no fence."""
        return self._fences.version_of(owner) == NEVER_ERASED and self._replica.puts_keyed(owner)

    async def put_keyed(self, memory: NewMemory) -> Stored | Changed | None:
        """See `MemoryStore`."""
        return await self._replica.put_keyed(memory) if self.puts_keyed(memory.owner) else None

    async def put_many(self, snapshots: Sequence[Snapshot]) -> list[ProviderError | None]:
        """See `Replica`."""
        return await self._put(snapshots, lambda one: (one.owner, one.version), self._replica.put_many)

    async def put_versions(self, snapshots: Sequence[Snapshot]) -> list[ProviderError | None]:
        """See `Replica`."""
        return await self._put(snapshots, lambda one: (one.owner, one.version), self._replica.put_versions)

    async def find(self, query: RecallQuery) -> Found:
        """See `MemoryStore`."""
        return self._shown(query.owner, await self._replica.find(query))

    async def find_many(self, queries: Sequence[RecallQuery]) -> list[Found | ProviderError]:
        """See `MemoryStore`."""
        answers = await self._replica.find_many(queries)
        return [
            self._shown(query.owner, answer) if isinstance(answer, Found) else answer
            for query, answer in zip(queries, answers, strict=True)
        ]

    async def fetch(self, owner: Owner, memory_id: str) -> Fetched:
        """See `MemoryStore`."""
        fetched = await self._replica.fetch(owner, memory_id)
        if fetched.memory.version > self._fences.version_of(owner):
            return fetched
        raise MemoryNotFound(memory_id)

    async def page(self, query: PageQuery) -> Found:
        """See `MemoryStore`; a page may have fewer memories than there are behind it only while a store is erased."""
        return self._shown(query.owner, await self._replica.page(query))

    async def feed(self, query: FeedQuery) -> FeedPage:
        """See `MemoryStore`."""
        page, erased = await self._replica.feed(query), self._fences.version_of(query.owner)
        return replace(page, changes=[one for one in page.changes if one.state.version > erased])

    async def change(self, edit: Edit) -> Changed:
        """See `MemoryStore`."""
        if self._fences.of(edit.owner):
            await self.fetch(edit.owner, edit.memory_id)
        return await self._replica.change(edit)

    async def change_many(self, edits: Sequence[Edit]) -> list[Changed | ProviderError]:
        """See `MemoryStore`."""
        if any(self._fences.of(edit.owner) for edit in edits):
            return await super().change_many(edits)
        return await self._replica.change_many(edits)

    async def erase(self, deletion: Deletion) -> Erased:
        """See `MemoryStore`."""
        if self._fences.of(deletion.owner) and await self.snapshot(deletion.owner, deletion.memory_id) is None:
            return Erased(count=0)
        return await self._replica.erase(deletion)

    async def erase_many(self, deletions: Sequence[Deletion]) -> list[Erased | ProviderError]:
        """See `MemoryStore`."""
        if any(self._fences.of(deletion.owner) for deletion in deletions):
            return await super().erase_many(deletions)
        return await self._replica.erase_many(deletions)

    async def deleted_by(self, owner: Owner, edit_id: str) -> DeletedBy:
        """See `MemoryStore`."""
        found = await self._replica.deleted_by(owner, edit_id)
        return found if found.memory_id is None or await self.snapshot(owner, found.memory_id) else DeletedBy()

    async def erase_all(self, owner: Owner, limit: int = MAX_BATCH, conditions: Conditions = ALL) -> Erased:
        """See `MemoryStore`."""
        return await self._replica.erase_all(owner, limit, conditions)

    async def health_check(self) -> Health:
        """See `MemoryStore`."""
        return await self._replica.health_check()

    async def changes_since(self, owner: Owner, cursor: ChangeCursor | None) -> Changes | None:
        """See `Replica`."""
        return await self._replica.changes_since(owner, cursor)

    async def moment(self) -> datetime | None:
        """See `Replica`."""
        return await self._replica.moment()

    async def expired(self, before: datetime, limit: int, *, after: Snapshot | None = None) -> list[Snapshot]:
        """See `Replica`."""
        return self._above(await self._replica.expired(before, limit, after=after))

    async def touch(self, touches: Sequence[Touch]) -> None:
        """See `MemoryStore`; what was erased stays hidden."""
        await self._replica.touch(touches)

    async def ping(self) -> None:
        """See `Replica`."""
        await self._replica.ping()

    async def introduce(self) -> Introduction:
        """See `Replica`."""
        return await self._replica.introduce()

    async def leave_mark(self, mark: StoreMark, former: StoreMark | None) -> bool:
        """See `Replica`."""
        return await self._replica.leave_mark(mark, former)

    async def snapshot(self, owner: Owner, memory_id: str) -> Snapshot | None:
        """See `Replica`."""
        state = await self._replica.snapshot(owner, memory_id)
        return None if state is None or state.version <= self._fences.version_of(owner) else state

    async def heads(self, owner: Owner, memory_ids: Sequence[str]) -> dict[str, Snapshot]:
        """See `Replica`."""
        states, erased = await self._replica.heads(owner, memory_ids), self._fences.version_of(owner)
        return {memory_id: state for memory_id, state in states.items() if state.version > erased}

    async def snapshots(self, owner: Owner, limit: int = MAX_SNAPSHOTS, *, after: str | None = None) -> list[Snapshot]:
        """See `Replica`; a page is short only where there is nothing behind it."""
        found: list[Snapshot] = []
        while True:
            page = await self._replica.snapshots(owner, limit, after=after)
            found += self._above(page)
            if len(page) < limit or len(found) >= limit:
                return found[:limit]
            after = page[-1].id

    async def superseded(
        self, owner: Owner, limit: int = MAX_SNAPSHOTS, *, after: VersionPlace | None = None
    ) -> list[Snapshot]:
        """See `Replica`; a page is short only where there is nothing behind it."""
        found: list[Snapshot] = []
        while True:
            page = await self._replica.superseded(owner, limit, after=after)
            found += self._above(page)
            if len(page) < limit or len(found) >= limit:
                return found[:limit]
            after = page[-1].id, page[-1].version

    async def kept_of(self, versions: Sequence[Snapshot]) -> set[VersionOf]:
        """See `HistoryStore`."""
        return {one for one in await self._replica.kept_of(versions) if one[1][1] > self._fences.version_of(one[0])}

    async def history(self, query: HistoryQuery) -> HistoryPage:
        """See `MemoryStore`."""
        page, erased = await self._replica.history(query), self._fences.version_of(query.owner)
        if page.newest.version <= erased:
            raise MemoryNotFound(query.memory_id)
        return replace(page, versions=[one for one in page.versions if one.version > erased]) if erased else page

    async def holdings(self, limit: int = MAX_OWNERS, *, after: Owner | None = None) -> list[OwnerHoldings]:
        """See `Replica`; they count what is still there."""
        return await self._replica.holdings(limit, after=after)

    async def holdings_of(self, owner: Owner) -> Holdings:
        """See `Replica`; as there."""
        return await self._replica.holdings_of(owner)

    async def summaries(self, limit: int = MAX_OWNERS, *, after: Owner | None = None) -> list[OwnerSummary]:
        """See `Replica`; they count what is still there."""
        return await self._replica.summaries(limit, after=after)

    async def owners(self, limit: int = MAX_OWNERS, *, after: Owner | None = None) -> list[Owner]:
        """See `Replica`."""
        return await self._replica.owners(limit, after=after)

    async def identity(self) -> str:
        """See `Replica`."""
        return await self._replica.identity()

    async def purge(self, owner: Owner, version: int, limit: int = MAX_SNAPSHOTS) -> int:
        """See `Replica`."""
        return await self._replica.purge(owner, version, limit)

    async def put_fences(self, fences: Sequence[Fence]) -> None:
        """See `Replica`."""
        await self._replica.put_fences(fences)

    async def fences(self, limit: int = MAX_SNAPSHOTS, *, after: str | None = None) -> list[Fence]:
        """See `Replica`."""
        return await self._replica.fences(limit, after=after)

    async def remains(self) -> tuple[str, ...]:
        """See `Replica`."""
        return await self._replica.remains()

    async def _put(
        self,
        items: Sequence[Item],
        of: Callable[[Item], tuple[Owner, int | None]],
        put: Callable[[Sequence[Item]], Awaitable[list[Answer | ProviderError]]],
    ) -> list[Answer | ProviderError]:
        """Put what is above the fences; the rest is refused in its place."""
        erased = [self._fences.refusal(*of(item)) for item in items]
        kept = [item for item, refusal in zip(items, erased, strict=True) if refusal is None]
        answers = iter(await put(kept) if kept else ())
        return [next(answers) if refusal is None else refusal for refusal in erased]

    def _above(self, states: Sequence[Snapshot]) -> list[Snapshot]:
        return [state for state in states if state.version > self._fences.version_of(state.owner)]

    def _shown(self, owner: Owner, found: Found) -> Found:
        erased = self._fences.version_of(owner)
        return replace(found, memories=[memory for memory in found.memories if memory.version > erased])
