"""Histories out of one store and into it, by the methods that every store has for states and superseded versions."""

from collections.abc import Sequence
from typing import Protocol

from providers.answers import Stored
from providers.errors import ProviderError
from providers.heads import Heads
from providers.histories import HistoriesPage, HistoriesQuery, VersionPlace, histories_page, refusal_of
from providers.owners import Owner
from providers.retention import Retention
from providers.states.clock import HybridClock
from providers.types import Snapshot


class HistoryStore(Heads, Protocol):
    """A store of superseded versions; see `Replica`."""

    @property
    def retention(self) -> Retention:
        """Which versions of a memory it keeps beside the newest one."""

    async def superseded(self, owner: Owner, limit: int = ..., *, after: VersionPlace | None = None) -> list[Snapshot]:
        """Return an owner's superseded versions, those behind a place."""

    async def put_versions(self, snapshots: Sequence[Snapshot]) -> list[ProviderError | None]:
        """Put superseded versions."""


async def histories_in(store: HistoryStore, query: HistoriesQuery) -> HistoriesPage:
    """Return a page of a store's histories; see `MemoryStore.histories`."""
    if store.retention.keep == 0:
        return HistoriesPage(versions=[])
    versions = await store.superseded(query.owner, query.limit, after=query.after)
    ids = [*dict.fromkeys(version.id for version in versions)]
    # The heads of a store may lack all that conditions may ask for.
    whole = query.conditions.of_contents
    newest = Heads.heads(store, query.owner, ids) if whole else store.heads(query.owner, ids)
    return histories_page(query, versions, await newest)


async def kept_by(store: HistoryStore, versions: Sequence[Snapshot]) -> list[Stored | ProviderError | None]:
    """Add versions to the histories that a store keeps; see `MemoryStore.keep_versions`."""
    now_ms = HybridClock().milliseconds()
    if store.retention.keep == 0:
        return [None] * len(versions)
    results: dict[int, Stored | ProviderError] = {}
    young = {place: one for place, one in enumerate(versions) if store.retention.keeps(one.version, now_ms)}
    heads = {
        owner: await store.heads(owner, [one.id for one in young.values() if one.owner == owner])
        for owner in {one.owner for one in young.values()}
    }
    wanted: dict[int, Snapshot] = {}
    for place, one in young.items():
        refusal = refusal_of(one, heads[one.owner].get(one.id))
        if refusal is None:
            wanted[place] = one
        else:
            results[place] = refusal
    put = await store.put_versions([*wanted.values()]) if wanted else []
    for (place, one), refused in zip(wanted.items(), put, strict=True):
        results[place] = refused or Stored(id=one.id, version=one.version)
    return [results.get(place) for place in range(len(versions))]
