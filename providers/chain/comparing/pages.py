"""The differences and the merge of stores for an operator, page by page, so that both can be broken off anywhere."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import aclosing
from typing import Self

from msgspec import UNSET, Struct, UnsetType

from providers.chain.comparing.comparison import Difference, Fault
from providers.chain.comparing.flux import KnownMemory, Lasting, brings_in_line, lasting
from providers.chain.comparing.histories import VersionGap, fill_gaps
from providers.chain.comparing.merging import Merger, Tally
from providers.chain.comparing.store import PAGE, ComparedStore
from providers.chain.comparing.walking import Walk, WalkPlace
from providers.journal.base import Journal
from providers.owners import DEFAULT_TENANT, Owner
from providers.types import Snapshot

PAGE_SECONDS = 3.0  # after which a page ends; one call to a store more may be under way


class MemoryDifference(Struct, frozen=True, kw_only=True):
    """A memory in which stores differ: by provider how it falls short of what all should hold.

    `waiting` is true if deliveries to each of them are pending, so that the stores come in line by themselves. `tenant`
    is that of the user, absent if it is the default one.
    """

    user_id: str
    memory_id: str
    faults: dict[str, str]
    waiting: bool
    tenant: str | UnsetType = UNSET

    @classmethod
    def of(cls, wanted: Snapshot, faults: dict[str, str], *, waiting: bool) -> Self:
        """Return a difference from the state that all should hold."""
        owner = wanted.owner
        tenant = UNSET if owner.tenant == DEFAULT_TENANT else owner.tenant
        return cls(user_id=owner.user, memory_id=wanted.id, faults=faults, waiting=waiting, tenant=tenant)

    @property
    def owner(self) -> Owner:
        """The owner of the memory."""
        return Owner(self.user_id) if self.tenant is UNSET else Owner(self.user_id, self.tenant)


class DiffPage(Struct, frozen=True, kw_only=True):
    """A part of a comparison: what was compared, and how it differs.

    `users` are those whom the part has begun, `live` and `deleted` count their memories and tombstones by provider.
    `differing` counts all differences that no delivery is about to end, by provider and kind; `waiting` the others.
    `differences` are the first ones, with `more` that are left out. The next page comes `next_after`, null at the end.
    """

    users: int
    live: dict[str, int]
    deleted: dict[str, int]
    differing: dict[str, dict[str, int]]
    waiting: int
    differences: list[MemoryDifference]
    more: int
    next_after: str | None


class MergePage(Struct, frozen=True, kw_only=True):
    """A part of a merge: how many users it has begun, and what became of the differences that it has found.

    States were `put` into stores; copies of what another store knows as deleted are being `deleted` by the journal;
    `waiting` memories are brought in line by deliveries that are under way; some were `refused` by a store, or are
    `left`, since nothing decides between two texts of one version. `versions` were put into histories that lacked them.
    The next page comes `next_after`, null at the end.
    """

    users: int
    put: int
    deleted: int
    waiting: int
    refused: int
    left: int
    next_after: str | None
    versions: int = 0


class StorePages(Struct, frozen=True):
    """Compare and merge the `members` of these stores, with what `sources` hold; the others witness deletions."""

    journal: Journal
    stores: Sequence[ComparedStore]
    members: Collection[str]
    now: Callable[[], float] = time.monotonic
    seconds: float = PAGE_SECONDS
    sources: Collection[str] = ()

    async def diff(self, after: WalkPlace | None, most: int) -> DiffPage:
        """Compare from a place on; return up to `most` differences one by one."""
        counts = _Counts()
        end = self.now() + self.seconds
        next_after: str | None = None
        async with aclosing(Walk(self.stores, self.members, self.sources).steps(after)) as steps:
            async for step in steps:
                for name, summary in (step.summaries or {}).items():
                    counts.live[name] += 0 if summary is None else summary.live
                    counts.deleted[name] += 0 if summary is None else summary.deleted
                counts.users += step.summaries is not None
                if step.difference is not None:
                    await self._count(step.difference, counts, most)
                if step.gap is not None:
                    await self._count_gap(step.gap, counts)
                if self.now() >= end:
                    next_after = step.place.token
                    break
        return DiffPage(
            users=counts.users,
            live=dict(counts.live),
            deleted=dict(counts.deleted),
            differing=counts.differing,
            waiting=counts.waiting,
            differences=counts.listed,
            more=counts.more,
            next_after=next_after,
        )

    async def merge(self, after: WalkPlace | None) -> MergePage:
        """Merge from a place on; repeating it, from there or from the beginning, is harmless."""
        merger = Merger(self.journal, {store.name: store for store in self.stores})
        stores = {store.name: store for store in self.stores if store.name in self.members}
        tally, users, found, lacking = Tally(), 0, list[Difference](), list[VersionGap]()
        end = self.now() + self.seconds
        next_after: str | None = None
        async with aclosing(Walk(self.stores, self.members, self.sources).steps(after)) as steps:
            async for step in steps:
                users += step.summaries is not None
                if step.difference is not None:
                    found.append(step.difference)
                if step.gap is not None:
                    lacking.append(step.gap)
                if len(found) == PAGE:
                    tally += await merger.settle(found)
                    found = []
                if len(lacking) == PAGE:
                    tally += Tally(versions=await fill_gaps(stores, lacking))
                    lacking = []
                if self.now() >= end:
                    next_after = step.place.token
                    break
        tally += await merger.settle(found)
        tally += Tally(versions=await fill_gaps(stores, lacking))  # after the newest ones: a tombstone takes none
        return MergePage(
            users=users,
            put=tally.put,
            deleted=tally.deleted,
            waiting=tally.waiting,
            refused=tally.refused,
            left=tally.left,
            versions=tally.versions,
            next_after=next_after,
        )

    async def _count_gap(self, gap: VersionGap, counts: "_Counts") -> None:
        version = gap.version
        stores = {store.name: store for store in self.stores}
        undelivered = await self.journal.undelivered(version.owner, version.id)
        lacking = set(gap.lacking) - undelivered.get(version.version, frozenset())
        known = lacking and await self.journal.superseded(version.owner, version.id)
        if known and any(one.version == version.version for one in known):
            # It was confirmed, perhaps after the store was read.
            lacking = {name for name in lacking if not await stores[name].has_version(version)}
        elif not lacking:
            counts.waiting += 1
        for name in lacking:
            of_provider = counts.differing.setdefault(name, {})
            of_provider[Fault.VERSION.value] = of_provider.get(Fault.VERSION.value, 0) + 1

    async def _count(self, difference: Difference, counts: "_Counts", most: int) -> None:
        found = await self._judged(difference)
        if found is None:
            return
        wanted, difference = found.difference.wanted, found.difference
        waiting = difference.faults.keys() <= found.awaiting
        counts.waiting += waiting
        for name, kind in difference.faults.items():
            if name not in found.awaiting:
                of_provider = counts.differing.setdefault(name, {})
                of_provider[kind.value] = of_provider.get(kind.value, 0) + 1
        if len(counts.listed) < most:
            faults = {name: kind.value for name, kind in difference.faults.items()}
            one = MemoryDifference.of(wanted, faults, waiting=waiting)
            counts.listed.append(one)
        else:
            counts.more += 1

    async def _judged(self, difference: Difference) -> Lasting | None:
        """Return a difference in the light of what the journal knows of the memory, None if it has ended."""
        wanted = difference.wanted
        known = await KnownMemory.ask(self.journal, wanted.owner, wanted.id)
        awaiting = known.awaiting(wanted)
        if not brings_in_line(known.entry, wanted) or difference.faults.keys() <= awaiting:
            return Lasting(difference, awaiting)

        async def look() -> dict[str, Snapshot | None]:
            return {store.name: await store.state(wanted.owner, wanted.id) for store in self.stores}

        # What was confirmed may have been so after a store was read.
        return await lasting(self.journal, (wanted.owner, wanted.id), look, self.members, self.sources)


class _Counts:
    """What a page of differences has counted so far."""

    def __init__(self) -> None:
        self.users = self.waiting = self.more = 0
        self.live: Counter[str] = Counter()
        self.deleted: Counter[str] = Counter()
        self.differing: dict[str, dict[str, int]] = {}
        self.listed: list[MemoryDifference] = []
