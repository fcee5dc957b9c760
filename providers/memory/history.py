"""The history of one owner's memories in memory: the versions that are not the newest ones."""

from msgspec import Struct

from providers.histories import VersionPlace
from providers.retention import Retention
from providers.types import Snapshot


class History(Struct):
    """Keep superseded versions; one that is there is never replaced."""

    retention: Retention
    _versions: dict[str, dict[int, Snapshot]] = {}

    def put(self, state: Snapshot, newest: Snapshot | None, now_ms: int) -> None:
        """Keep a version, unless there is one of its number; drop what has become too old or too many."""
        if not self.retention.keeps(state.version, now_ms):
            return
        versions = self._versions.setdefault(state.id, {})
        versions.setdefault(state.version, state)
        if newest is not None and len(versions) > self.retention.keep:
            kept = {one.version for one in self.retention.kept(versions.values(), newest, now_ms)}
            for version in [one for one in versions if one < newest.version and one not in kept]:
                del versions[version]

    def of(self, memory_id: str) -> list[Snapshot]:
        """Return what is kept of a memory, in no order."""
        return [*self._versions.get(memory_id, {}).values()]

    def purge(self, version: int) -> None:
        """Remove the versions up to one, of whatever memory."""
        for memory_id, versions in [*self._versions.items()]:
            self._versions[memory_id] = {number: state for number, state in versions.items() if number > version}
            if not self._versions[memory_id]:
                self.erase(memory_id)

    @property
    def empty(self) -> bool:
        """Whether nothing is kept."""
        return not self._versions

    def behind(self, place: VersionPlace | None, now_ms: int) -> list[Snapshot]:
        """Return what is kept of all memories behind a place, by id and version."""
        found = {
            (memory_id, version): state
            for memory_id, versions in self._versions.items()
            for version, state in versions.items()
            if self.retention.keeps(version, now_ms)
        }
        return [found[one] for one in sorted(found) if place is None or one > place]

    def erase(self, memory_id: str) -> None:
        """Keep nothing of a memory any more."""
        self._versions.pop(memory_id, None)
