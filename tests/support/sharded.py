"""A provider in memory with shards, of which some fail while the others answer."""

from collections.abc import Iterable, Sequence

from providers.answers import Fetched, Found, Stored
from providers.errors import ProviderError, Unavailable
from providers.owners import Owner
from providers.replica import MAX_SNAPSHOTS
from providers.types import NewMemory, PageQuery, RecallQuery, Snapshot
from tests.support.clock import FakeClock
from tests.support.frail import FrailProvider

SHARDS = 4


class ShardedProvider(FrailProvider):
    """Owners are of the shard that the number at the end of their name says; those in `ill` do not answer.

    `refused` counts the calls that met one of these.
    """

    def __init__(self, clock: FakeClock | None = None) -> None:
        super().__init__(clock)
        self.ill: set[int] = set()
        self.refused = 0

    @property
    def has_shards(self) -> bool:
        """See `Replica`."""
        return True

    def shard_of(self, owner: Owner) -> int:
        """See `Replica`."""
        return int(owner.user[-1]) % SHARDS

    def _check(self, owners: Iterable[Owner]) -> None:
        if any(self.shard_of(owner) in self.ill for owner in owners):
            self.refused += 1
            raise Unavailable("the shard does not answer")

    async def store_many(self, memories: Sequence[NewMemory]) -> list[Stored | ProviderError]:
        """See `MemoryStore`; all or nothing."""
        self._check(memory.owner for memory in memories)
        return await super().store_many(memories)

    async def put_many(self, snapshots: Sequence[Snapshot]) -> list[ProviderError | None]:
        """See `Replica`; all or nothing."""
        self._check(snapshot.owner for snapshot in snapshots)
        return await super().put_many(snapshots)

    async def find(self, query: RecallQuery) -> Found:
        """See `MemoryStore`."""
        self._check([query.owner])
        return await super().find(query)

    async def fetch(self, owner: Owner, memory_id: str) -> Fetched:
        """See `MemoryStore`."""
        self._check([owner])
        return await super().fetch(owner, memory_id)

    async def page(self, query: PageQuery) -> Found:
        """See `MemoryStore`."""
        self._check([query.owner])
        return await super().page(query)

    async def snapshot(self, owner: Owner, memory_id: str) -> Snapshot | None:
        """See `Replica`."""
        self._check([owner])
        return await super().snapshot(owner, memory_id)

    async def snapshots(self, owner: Owner, limit: int = MAX_SNAPSHOTS, *, after: str | None = None) -> list[Snapshot]:
        """See `Replica`."""
        self._check([owner])
        return await super().snapshots(owner, limit, after=after)
