"""Reads of an owner's memories in their order: the names of the copies tell it, so that a page reads only its own."""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime

from msgspec import Struct

from providers.errors import Unsupported
from providers.keyed.places import place_at
from providers.keyed.reader import LISTED_AT_ONCE, Reader, wanted_at_first
from providers.owners import Owner
from providers.pinecone.catalog import Catalog
from providers.pinecone.namespaces import OWNER, owner_in
from providers.pinecone.records import HEAD
from providers.pinecone.shelf import PineconeShelf
from providers.types import PageQuery, Snapshot

_GREATEST = "~"  # behind every place that begins alike
_WALK_SECONDS = 30.0  # for which a list of all owners may be gone through
_MOST_WALKS = 8  # at once


class _Walk(Struct, frozen=True):
    """All owners as they were when somebody began to go through them."""

    began: float
    owners: list[Owner]


class PineconeReader(Reader):
    """List by names, and read what is shown."""

    def __init__(self, shelf: PineconeShelf, catalog: Catalog, now: Callable[[], float] = time.monotonic) -> None:
        self._shelf, self._catalog, self._now = shelf, catalog, now
        self._walks: dict[Owner, _Walk] = {}  # by the owners with which pages ended

    async def listed(self, query: PageQuery) -> AsyncIterator[Snapshot]:
        """See `Reader`."""
        known = await self._catalog.known(query.owner)
        places = sorted((one.name.place, memory_id) for memory_id, one in known.items() if not one.name.deleted)
        if query.after is not None:
            at = place_at(query.after.created_at)
            behind = [one for one in places if one[0] >= at]
            places = behind if query.order == "oldest" else [one for one in places if one[0] <= at + _GREATEST]
        if query.order != "oldest":
            places.reverse()
        wanted = wanted_at_first(query)
        while places:
            for state in await self._states(query.owner, [memory_id for _, memory_id in places[:wanted]]):
                if not state.deleted:
                    yield state
            places, wanted = places[wanted:], LISTED_AT_ONCE

    async def count_living(self, owner: Owner, now: datetime) -> int:
        """See `Reader`."""
        at = place_at(now)
        names = [one.name for one in (await self._catalog.known(owner)).values()]
        return sum(not name.deleted and not (name.ends and name.ends <= at) for name in names)

    async def snapshots(self, owner: Owner, limit: int, after: str | None) -> list[Snapshot]:
        """See `Reader`."""
        known = await self._catalog.known(owner)
        return await self._states(owner, [one for one in known if after is None or one > after][:limit])

    async def recently_changed(self, owner: Owner, limit: int) -> list[Snapshot]:
        """See `Reader`; by the versions, which follow the time."""
        known = await self._catalog.known(owner)
        newest = sorted(known, key=lambda one: known[one].name.version, reverse=True)
        return await self._states(owner, newest[:limit])

    async def owners(self, limit: int, after: Owner | None) -> list[Owner]:
        """See `Reader`; whoever goes on where a page ended goes on with what was read for that page."""
        walk = None if after is None else self._walks.pop(after, None)
        if walk is None or self._now() - walk.began > _WALK_SECONDS:
            with self._shelf.recent.reading():
                walk = _Walk(self._now(), [*await self._all_owners(), *self._shelf.recent.owners()])
        keys = {owner.key: owner for owner in (*walk.owners, *self._shelf.recent.owners())}
        page = [keys[key] for key in sorted(keys) if after is None or key > after.key][:limit]
        if len(page) == limit:
            self._walks[page[-1]] = walk
            if len(self._walks) > _MOST_WALKS:
                del self._walks[next(iter(self._walks))]
        return page

    async def expired(self, before: datetime, limit: int, after: Snapshot | None) -> list[Snapshot]:
        """See `Reader`: nothing orders what all owners have."""
        raise Unsupported(f"find {limit} memories that had expired by {before} behind {after and after.id}")

    async def _all_owners(self) -> list[Owner]:
        index, namespaces = self._shelf.index, self._shelf.namespaces
        owners = []
        for name, count in await index.namespaces(namespaces.owners):
            owner = namespaces.owner_of(name)
            if owner is None:  # its name is too long for a namespace: the records tell it
                some = await index.find(name, {OWNER: {"$exists": True}}, most=1)
                owner = owner_in(some[0].metadata) if some else None
            if owner is not None and await self._has_some(owner, name, count):
                owners.append(owner)
        return owners

    async def _has_some(self, owner: Owner, namespace: str, count: int) -> bool:
        """Return whether an owner has a record beside the head, which stays where a write met an erasure."""
        if owner in self._shelf.recent.have_lost():
            return bool(await self._catalog.records(owner))
        # The count may lag behind the records.
        return count > 1 or await self._shelf.index.first_id(namespace) not in (None, HEAD)

    async def _states(self, owner: Owner, ids: Sequence[str]) -> list[Snapshot]:
        states = await self._shelf.states(owner, ids)
        return [states[one] for one in ids if one in states]
