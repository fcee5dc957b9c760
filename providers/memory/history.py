"""The history of one owner's memories in memory: the versions that are not the newest ones."""

from msgspec import Struct

from providers.types import Snapshot


class History(Struct):
    """Keep superseded versions; one that is there is never replaced."""

    _versions: dict[str, dict[int, Snapshot]] = {}

    def put(self, state: Snapshot) -> None:
        """Keep a version, unless there is one of its number."""
        self._versions.setdefault(state.id, {}).setdefault(state.version, state)

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

    def erase(self, memory_id: str) -> None:
        """Keep nothing of a memory any more."""
        self._versions.pop(memory_id, None)
