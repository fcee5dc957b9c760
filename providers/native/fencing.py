"""The methods of a native provider about erased owners: removing what they have, and the list of who was erased."""

from collections.abc import Sequence

from providers.erasure.fences import Fence
from providers.native.database import Database
from providers.native.erasing import NativeErasing
from providers.owners import Owner
from providers.replica import MAX_SNAPSHOTS, Replica
from providers.replica_limits import check_snapshots_page
from providers.states.clock import HybridClock


class FencingReplica(Replica):
    """Hold a database to the fences of erased owners, unless it is distributed."""

    def __init__(self, database: Database, clock: HybridClock) -> None:
        self._database = database
        self._clock = clock
        self._erasing = NativeErasing(database)

    @property
    def keeps_fences(self) -> bool:
        """See `Replica`; a trigger refuses what was erased, which a distributed table cannot have."""
        return not self._database.distributed

    async def purge(self, owner: Owner, version: int, limit: int = MAX_SNAPSHOTS) -> int:
        """Remove rows for good; see `Replica`."""
        check_snapshots_page(owner, limit, None)
        return await self._erasing.purge(owner, version, limit)

    async def put_fences(self, fences: Sequence[Fence]) -> None:
        """Keep fences, which a trigger holds every write to; see `Replica`."""
        await self._database.ready()
        if self.keeps_fences:
            await self._erasing.put(fences)
        self._clock.observe(max((fence.version for fence in fences), default=0))

    async def fences(self, limit: int = MAX_SNAPSHOTS, *, after: str | None = None) -> list[Fence]:
        """Return the fences in the table; see `Replica`."""
        await self._database.ready()
        return await self._erasing.fences(limit, after) if self.keeps_fences else []

    async def remains(self) -> tuple[str, ...]:
        """Return what stays in the server's files; see `Replica`."""
        return await self._erasing.remains()
