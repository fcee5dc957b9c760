"""The superseded versions of memories in an index: which of their documents are part of a history, and which are left.

No request writes several documents as one, so that a writer or the server may stop between a version and the state that
supersedes it, or between a tombstone and the versions that go with it. So the states decide: a version belongs to the
history of a memory that is not deleted, whose newest version is another one, and is among the last that are to be kept.
"""

from collections.abc import Awaitable, Mapping, Sequence

from providers.histories import VersionPlace
from providers.keyed.histories import StoredHistories
from providers.opensearch.reader import OpenSearchReader
from providers.opensearch.shelf import OpenSearchShelf
from providers.owners import Owner
from providers.retention import UNDATED_VERSION, Retention
from providers.states.clock import HybridClock
from providers.types import Snapshot


class OpenSearchHistories(StoredHistories):
    """Read what belongs to histories, and remove what does not."""

    def __init__(
        self, shelf: OpenSearchShelf, reader: OpenSearchReader, retention: Retention, clock: HybridClock
    ) -> None:
        super().__init__(retention, clock)
        self._shelf, self._reader, self._documents = shelf, reader, shelf.versions

    async def of_memory(self, owner: Owner, memory_id: str) -> list[Snapshot]:
        """See `StoredHistories`."""
        await self._reader.current()
        places = await self._documents.all_of(owner, memory_id)
        return await self._documents.at(owner, await self._belonging(owner, {memory_id: places}))

    async def behind(self, owner: Owner, limit: int, after: VersionPlace | None) -> list[Snapshot]:
        """See `StoredHistories`; what is deleted meanwhile is left out, and then others follow."""
        await self._reader.current()
        found: list[Snapshot] = []
        while len(found) < limit and (of_memories := await self._next(owner, after)):
            belonging = await self._belonging(owner, of_memories)
            wanted = [place for place in belonging if after is None or place > after][: limit - len(found)]
            found += await self._documents.at(owner, wanted)
            after = max(places[-1] for places in of_memories.values())
        return found

    async def has_any(self, owner: Owner) -> bool:
        """Return whether an owner has any version, as searches show it."""
        return bool(await self._documents.places(owner))

    async def purge(self, owner: Owner, version: int) -> None:
        """Remove all versions up to one, whatever memories they are of."""
        after = None
        await self._reader.refresh()
        while places := await self._documents.places(owner, after):
            await self._documents.drop(owner, [place for place in places if place[1] <= version])
            after = places[-1]

    def states(self, owner: Owner, ids: Sequence[str]) -> Awaitable[Mapping[str, Snapshot]]:
        """See `StoredHistories`."""
        return self._shelf.states(owner, ids)

    def _owners(self, limit: int, after: Owner | None) -> Awaitable[Sequence[Owner]]:
        return self._reader.owners(limit, after)

    async def _swept(self, owner: Owner) -> int:
        dropped, after = 0, None
        while of_memories := await self._next(owner, after):
            # The newest version stays: it may be about to be superseded.
            kept = {*await self._belonging(owner, of_memories, newest=True)}
            places = [place for of_memory in of_memories.values() for place in of_memory]
            undated = await self._documents.at(owner, [place for place in kept if place[1] == UNDATED_VERSION])
            kept -= {(one.id, one.version) for one in await self._foreign(owner, undated)}
            dropped += await self._documents.drop(owner, [place for place in places if place not in kept])
            after = places[-1]
        return dropped

    async def _next(self, owner: Owner, after: VersionPlace | None) -> dict[str, list[VersionPlace]]:
        """Return all places of some memories that have some behind a place, in order; none if there are no more."""
        some = await self._documents.places(owner, after)
        if not some:
            return {}
        of_memories: dict[str, list[VersionPlace]] = {}
        for place in some:
            of_memories.setdefault(place[0], []).append(place)
        for memory_id in {some[0][0], some[-1][0]}:  # of which others may stand before and behind
            of_memories[memory_id] = await self._documents.all_of(owner, memory_id) or of_memories[memory_id]
        return of_memories

    async def _belonging(
        self, owner: Owner, of_memories: Mapping[str, Sequence[VersionPlace]], *, newest: bool = False
    ) -> list[VersionPlace]:
        """Return the places whose versions are part of a history, in order; with `newest`, of those shown as well."""
        states = await self._shelf.states(owner, [*of_memories])
        now_ms = self.clock.milliseconds()
        found: list[VersionPlace] = []
        for memory_id, places in of_memories.items():
            state = states.get(memory_id)
            if self.retention.keep == 0 or (state is not None and state.deleted):
                continue
            young = [place for place in places if self.retention.keeps(place[1], now_ms)]
            below = [place for place in young if state is None or place[1] < state.version]
            above = [place for place in young if state is not None and place[1] > state.version]
            shown = [place for place in young if newest and state is not None and place[1] == state.version]
            found += [*below[-self.retention.keep :], *shown, *above]
        return found
