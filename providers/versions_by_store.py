"""Histories out of one store and into it, by the methods that every store has for states and superseded versions."""

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Protocol
from uuid import UUID

from providers.answers import Stored
from providers.batches import answer_all
from providers.errors import ProviderError
from providers.heads import Heads
from providers.histories import HistoriesPage, HistoriesQuery, VersionPlace, belonging, histories_page, refusal_of
from providers.limits import MAX_VERSION
from providers.owners import Owner
from providers.retention import Retention
from providers.states.clock import HybridClock
from providers.types import Snapshot

_AT_ONCE = 8  # memories whose histories are looked through

VersionOf = tuple[Owner, VersionPlace]


class HistoryStore(Heads, Protocol):
    """A store of superseded versions; see `Replica`."""

    @property
    def retention(self) -> Retention:
        """Which versions of a memory it keeps beside the newest one."""

    async def superseded(self, owner: Owner, limit: int = ..., *, after: VersionPlace | None = None) -> list[Snapshot]:
        """Return an owner's superseded versions, those behind a place."""

    async def kept_of(self, versions: Sequence[Snapshot]) -> set[VersionOf]:
        """Return which of some versions stand in the histories of their memories; see `found_in`.

        Raises:
            Unavailable: the store does not answer.
        """
        return await found_in(self, versions)

    async def put_versions(self, snapshots: Sequence[Snapshot]) -> list[ProviderError | None]:
        """Put superseded versions."""


def version_of(state: Snapshot) -> VersionOf:
    """Return whose version a state is, of which memory, and its number."""
    return state.owner, (state.id, state.version)


async def found_in(store: HistoryStore, versions: Sequence[Snapshot]) -> set[VersionOf]:
    """Return which of some versions a store keeps, by reading through the histories of their memories."""
    wanted: defaultdict[tuple[Owner, str], set[int]] = defaultdict(set)
    for one in versions:
        wanted[one.owner, one.id].add(one.version)
    found: set[VersionOf] = set()
    for some in await answer_all([*wanted.items()], partial(_found_of, store), _AT_ONCE):
        if isinstance(some, ProviderError):
            raise some
        found |= some
    return found


async def _found_of(store: HistoryStore, of_memory: tuple[tuple[Owner, str], set[int]]) -> set[VersionOf]:
    (owner, memory_id), versions = of_memory
    found: set[VersionOf] = set()
    after = _before(memory_id, min(versions))
    while page := await store.superseded(owner, len(versions), after=after):
        found |= {version_of(one) for one in page if one.id == memory_id and one.version in versions}
        after = page[-1].id, page[-1].version
        if len(page) < len(versions) or after >= (memory_id, max(versions)):
            break
    return found


def _before(memory_id: str, version: int) -> VersionPlace | None:
    """Return a place behind which the versions from this one on are the first, None if that is the beginning."""
    if version > 1:
        return memory_id, version - 1
    number = UUID(memory_id).int
    return (str(UUID(int=number - 1)), MAX_VERSION) if number else None


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
        newest = heads[one.owner].get(one.id)
        refusal = refusal_of(one, newest)
        if refusal is not None:
            results[place] = refusal
        elif newest is not None:
            wanted[place] = belonging(one, newest)
    found = await store.kept_of([*wanted.values()]) if wanted else set()
    put = await store.put_versions([*wanted.values()]) if wanted else []
    for (place, one), refused in zip(wanted.items(), put, strict=True):
        results[place] = refused or Stored(id=one.id, version=one.version, found=version_of(one) in found)
    return [results.get(place) for place in range(len(versions))]
