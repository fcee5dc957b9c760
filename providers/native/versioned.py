"""The methods of a native provider about superseded versions."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from msgspec import Struct

from providers.errors import MemoryDeleted, ProviderError
from providers.histories import VersionPlace
from providers.native.database import Database
from providers.native.fencing import FencingReplica
from providers.native.history import VersionTable
from providers.native.rows import key_of
from providers.owners import Owner
from providers.replica import MAX_SNAPSHOTS
from providers.replica_limits import check_snapshots, check_superseded_page, check_version_of_memory
from providers.retention import NO_HISTORY, Retention
from providers.states.clock import HybridClock
from providers.timing.turns import in_turns
from providers.types import Snapshot
from providers.versions_by_store import VersionOf

Item = TypeVar("Item", bound=Struct)


class VersionedReplica(FencingReplica):
    """Keep the versions of memories beside the newest ones, unless the database is distributed."""

    def __init__(self, database: Database, clock: HybridClock, retention: Retention) -> None:
        super().__init__(database, clock)
        self.versions = VersionTable(database, retention, clock)

    @property
    def retention(self) -> Retention:
        """See `Replica`; a trigger keeps the versions, which a distributed table cannot have."""
        return NO_HISTORY if self._database.distributed else self.versions.retention

    async def put_versions(self, snapshots: Sequence[Snapshot]) -> list[ProviderError | None]:
        """Put superseded versions in two statements; see `Replica`."""
        await self._database.ready()
        if not self.keeps_history:
            return await super().put_versions(snapshots)
        check_snapshots(snapshots)
        canonical = await in_turns(partial(checked, check_version_of_memory), snapshots)
        states = [state for state in canonical if isinstance(state, Snapshot)]
        for state in states:
            self._clock.meet(state.version)
        deleted = await self.versions.put(states)
        return [
            state if isinstance(state, ProviderError) else MemoryDeleted(state.id) if key_of(state) in deleted else None
            for state in canonical
        ]

    async def superseded(
        self, owner: Owner, limit: int = MAX_SNAPSHOTS, *, after: VersionPlace | None = None
    ) -> list[Snapshot]:
        """Return superseded versions by id and version; see `Replica`."""
        after = check_superseded_page(owner, limit, after)
        await self._database.ready()
        return await self.versions.superseded(owner, limit, after) if self.keeps_history else []

    async def kept_of(self, versions: Sequence[Snapshot]) -> set[VersionOf]:
        """Return which of some versions are kept, in one statement; see `HistoryStore`."""
        await self._database.ready()
        return await self.versions.kept_of(versions) if self.keeps_history else set()


def checked(check: Callable[[Item], Item], item: Item) -> Item | ProviderError:
    """Return an item in its canonical form, or the error that refuses it."""
    try:
        return check(item)
    except ProviderError as error:
        return error.with_traceback(None)  # a value now; the frames would keep the whole batch alive
