"""Replica: what a chain needs of a provider beyond what callers need, which is whole states of memories."""

from abc import abstractmethod
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from msgspec.structs import replace

from providers.answers import Erased, Stored
from providers.base import MemoryProvider
from providers.changes import ChangeCursor, Changes
from providers.embedding_progress import EmbeddingReport
from providers.erasure.fences import Fence
from providers.errors import OwnerErased, ProviderError, Unsupported
from providers.expiry import BEGINNING
from providers.histories import HistoriesPage, HistoriesQuery, VersionPlace
from providers.holdings import Holdings, OwnerHoldings, holdings_of
from providers.introduction import Introduction, StoreMark
from providers.limits import MAX_BATCH, MAX_LIST_LIMIT, check_erase_all
from providers.owners import Owner
from providers.retention import NO_HISTORY, Retention
from providers.states.editing import least_tombstone
from providers.summaries import OwnerSummary, summary_of
from providers.types import ALL, Conditions, Snapshot, as_page
from providers.versions_by_store import HistoryStore, histories_in, kept_by

MAX_SNAPSHOTS = MAX_OWNERS = 1_000  # in one call


@runtime_checkable
class Replica(MemoryProvider, HistoryStore, EmbeddingReport, Protocol):
    """A provider that can be brought to the same state as another.

    Putting the same snapshots in any order, any number of times, ends in the same state: of two versions of a memory
    the newer one stays, and a tombstone wins for ever (`providers/states/merging.py`). Errors: see `MemoryProvider`.
    """

    @property
    def changed_elsewhere(self) -> bool:
        """Whether others change the memories of this store past us, so that a missing one may have been deleted."""
        return False

    @property
    def staleness(self) -> float:
        """The seconds for which reads may not show yet what this store has confirmed."""
        return 0.0

    @property
    def ranking(self) -> str | None:
        """The name of the ranking of a recall: stores with the same one return the same memories in the same order.

        That holds for answers that are not degraded: without the vector of a question, or while an index of memories
        loads, a store orders by what it has. None where nobody can tell, so that no other store has the same.
        """
        return None

    @property
    def compares(self) -> bool:
        """Whether a write over one version alone is safe from whoever else writes at the same moment."""
        return True

    @property
    def retention(self) -> Retention:
        """Which versions of a memory this store keeps beside the newest one; by default none."""
        return NO_HISTORY

    @property
    def has_shards(self) -> bool:
        """Whether parts of this store fail by themselves, each with the owners whose memories it has."""
        return False

    def shard_of(self, owner: Owner) -> int:  # noqa: ARG002 - for those that have several
        """Return the number, from 0 on, of the part of this store that has the memories of an owner."""
        return 0

    @property
    def keeps_history(self) -> bool:
        """Whether this store keeps versions of a memory beside the newest one."""
        return self.retention.keep > 0

    @property
    def keeps_fences(self) -> bool:
        """Whether this store keeps the list of erased owners, and puts nothing that is not above their fences."""
        return False

    async def changes_since(self, owner: Owner, cursor: ChangeCursor | None) -> Changes | None:  # noqa: ARG002 - for those that can tell
        """Return what changed of an owner's memories since a cursor, everything without one; None if that is unknown.

        It misses nothing that was acknowledged before the call, whoever wrote it and whatever it changed, a vector that
        came late included. It may tell again what it has told before. A cursor of another epoch gets everything.

        Raises:
            Unavailable: the store does not answer.
        """
        return None

    async def moment(self) -> datetime | None:
        """Return what the store's own clock says, None if it tells nobody.

        Raises:
            Unavailable: the store does not answer.
        """
        return None

    async def expired(self, before: datetime, limit: int, *, after: Snapshot | None = None) -> list[Snapshot]:
        """Return up to `limit` states that had expired by a moment, behind `after` in an order of the store's own.

        Raises:
            Unavailable: the store does not answer.
            Unsupported: it has no index by expiry; its states are to be looked through.
        """
        raise Unsupported(f"find {limit} memories that had expired by {before} behind {after and after.id}")

    async def erase_all(self, owner: Owner, limit: int = MAX_BATCH, conditions: Conditions = ALL) -> Erased:
        """See `MemoryStore`."""
        check_erase_all(owner, limit, conditions)
        chosen = replace(as_page(conditions, owner), now=BEGINNING)  # what has expired is to go as well
        deleted, after = 0, None
        while deleted < limit:
            wanted = min(limit - deleted, MAX_LIST_LIMIT)
            page = (await self.page(replace(chosen, limit=wanted, after=after))).memories
            for refused in await self.put_many([least_tombstone(record) for record in page]) if page else ():
                if refused is None:
                    deleted += 1
                elif not isinstance(refused, OwnerErased):  # what was erased is about to be removed
                    raise refused
            if len(page) < wanted:
                break
            after = page[-1].position
        return Erased(count=deleted)

    async def ping(self) -> None:
        """Check with the least work that the store answers, bypassing all queues here.

        Raises:
            Unavailable: the store does not answer.
        """
        await self.identity()

    async def introduce(self) -> Introduction:
        """Return what the store tells about itself, asked anew.

        Raises:
            Unavailable: the store does not answer.
        """
        return Introduction(identity=await self.identity())

    async def leave_mark(self, mark: StoreMark, former: StoreMark | None) -> bool:  # noqa: ARG002 - for those that keep marks
        """Leave a mark in the place of the `former` one; return False if another one is there, or the store keeps none.

        Raises:
            Unavailable: it is unknown whether the mark was left.
        """
        return False

    @abstractmethod
    async def put_many(self, snapshots: Sequence[Snapshot]) -> list[ProviderError | None]:
        """Put up to `MAX_SNAPSHOTS` states of memories, each unless a newer one is stored; the users may differ.

        The result holds None where this state or a newer one is stored now, and otherwise the reason: `MemoryDeleted`
        where a live memory met a tombstone, `InvalidInput` where a state breaks a rule. A memory may occur several
        times; its states are then put in the order given. Repeating the call is harmless.

        Raises:
            Unavailable: it is unknown for all of them whether they were put.
        """

    async def put_versions(self, snapshots: Sequence[Snapshot]) -> list[ProviderError | None]:
        """Put up to `MAX_SNAPSHOTS` superseded versions of memories into their history; the users may differ.

        A version that is there stays as it is, and the newest one stays what reads show. A memory whose newest version
        is yet to come may have a history already. The result is that of `put_many`: after a tombstone nothing is taken,
        and a tombstone erases the history of its memory. Repeating the call is harmless.

        Raises:
            Unavailable: it is unknown for all of them whether they were put.
            Unsupported: the store keeps no history.
        """
        raise Unsupported(f"keep {len(snapshots)} superseded versions")

    async def purge(self, owner: Owner, version: int, limit: int = MAX_SNAPSHOTS) -> int:
        """Remove up to `limit` states of an owner with versions up to `version`; return how many there were.

        Tombstones go as well, and with the last state all else that the store has of the owner. Nothing refuses a late
        write afterwards but a fence, by which indexes notice as well: a store that keeps fences gets that of the owner
        first. Repeating the call is harmless; 0 means that nothing is left.

        Raises:
            Unavailable: it is unknown how many were removed.
            Unsupported: the store cannot forget what it has deleted.
        """
        raise Unsupported(f"forget up to {limit} states up to version {version} of {owner.label}")

    async def put_fences(self, fences: Sequence[Fence]) -> None:
        """Keep up to `MAX_SNAPSHOTS` fences, of two for one owner the higher; a store that keeps none does nothing.

        Once the call has returned the store puts no state that is not above a fence: `store_many`, `put_many` and
        `put_versions` refuse it with `OwnerErased`, and `change` and `erase` find no memory there.

        Raises:
            Unavailable: it is unknown whether they are kept.
        """
        del fences

    async def fences(self, limit: int = MAX_SNAPSHOTS, *, after: str | None = None) -> list[Fence]:  # noqa: ARG002 - for those that keep them
        """Return the fences that the store keeps by ascending hash, those whose hash is greater than `after`.

        Raises:
            Unavailable: the store does not answer.
        """
        return []

    async def superseded(
        self,
        owner: Owner,  # noqa: ARG002 - for those that keep history
        limit: int = MAX_SNAPSHOTS,  # noqa: ARG002 - as there
        *,
        after: VersionPlace | None = None,  # noqa: ARG002 - as there
    ) -> list[Snapshot]:
        """Return an owner's superseded versions by ascending id, then version, those behind a place; none by default.

        Raises:
            Unavailable: the store does not answer.
        """
        return []

    async def histories(self, query: HistoriesQuery) -> HistoriesPage:
        """See `MemoryStore`."""
        return await histories_in(self, query)

    async def keep_versions(self, versions: Sequence[Snapshot]) -> list[Stored | ProviderError | None]:
        """See `MemoryStore`."""
        return await kept_by(self, versions)

    async def remains(self) -> tuple[str, ...]:
        """Return, in words for a receipt, what the store's own machinery still holds of what was removed, and how long.

        Raises:
            Unavailable: the store does not answer.
        """
        return ()

    @abstractmethod
    async def snapshots(self, owner: Owner, limit: int = MAX_SNAPSHOTS, *, after: str | None = None) -> list[Snapshot]:
        """Return an owner's memories and tombstones by ascending id, those whose id is greater than `after`."""

    @abstractmethod
    async def owners(self, limit: int = MAX_OWNERS, *, after: Owner | None = None) -> list[Owner]:
        """Return the owners of memories or tombstones, ascending by code point, those greater than `after`."""

    async def summaries(self, limit: int = MAX_OWNERS, *, after: Owner | None = None) -> list[OwnerSummary]:
        """Return the summaries of the owners that `owners` returns, in the same order.

        It reads all of their states where a store cannot compute the summaries itself.
        """
        return [await self._summary(owner) for owner in await self.owners(limit, after=after)]

    async def holdings(self, limit: int = MAX_OWNERS, *, after: Owner | None = None) -> list[OwnerHoldings]:
        """Return what each of the owners holds that `owners` returns, in the same order.

        It reads all of their states where a store cannot count them itself.
        """
        owners = await self.owners(limit, after=after)
        return [OwnerHoldings(owner, await self.holdings_of(owner)) for owner in owners]

    async def holdings_of(self, owner: Owner) -> Holdings:
        """Return what one owner holds, as `holdings` does.

        Raises:
            Unavailable: the store does not answer.
        """
        held = Holdings()
        async for page in self._state_pages(owner):
            held += holdings_of(page)
        return held

    async def _summary(self, owner: Owner) -> OwnerSummary:
        states = [state async for page in self._state_pages(owner) for state in page]
        versions = some = await self.superseded(owner) if self.keeps_history else []
        while len(some) == MAX_SNAPSHOTS:
            some = await self.superseded(owner, after=(some[-1].id, some[-1].version))
            versions = versions + some
        return summary_of(owner, states, versions)

    async def _state_pages(self, owner: Owner) -> AsyncIterator[list[Snapshot]]:
        page = await self.snapshots(owner)
        yield page
        while len(page) == MAX_SNAPSHOTS:
            page = await self.snapshots(owner, after=page[-1].id)
            yield page

    @abstractmethod
    async def identity(self) -> str:
        """Return the identity of the store behind this provider; another store has another identity.

        Two providers on one database return the same; a database created anew under the same address returns a new one.
        """
