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

    def erase(self, memory_id: str) -> None:
        """Keep nothing of a memory any more."""
        self._versions.pop(memory_id, None)
