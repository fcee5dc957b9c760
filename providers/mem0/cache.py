"""What this process knows of memories at mem0 without asking: an accelerator and a shield, never the truth."""

from collections import OrderedDict
from typing import TypeVar

from providers.owners import Owner
from providers.types import Snapshot

MAX_ENTRIES = 50_000
Key = TypeVar("Key")
Value = TypeVar("Value")
_UNKNOWN = -1
_DELETED = 2**63  # above every version


class Mem0Cache:
    """Hold the newest version seen of each memory that this process has written, tried to write or read.

    The least recently used entries are evicted; then mem0 is asked.
    """

    def __init__(self, max_entries: int = MAX_ENTRIES) -> None:
        self._max_entries = max_entries
        self._versions: OrderedDict[tuple[Owner, str], int] = OrderedDict()
        self._registered: OrderedDict[Owner, None] = OrderedDict()
        self._counts: OrderedDict[Owner, int] = OrderedDict()

    def mark_tried(self, owner: Owner, memory_id: str) -> None:
        """Record that something may be stored under an id."""
        self._put((owner, memory_id), _UNKNOWN)

    def put(self, state: Snapshot) -> None:
        """Record a state that is stored."""
        self._put((state.owner, state.id), _DELETED if state.deleted else state.version)

    def was_tried(self, owner: Owner, memory_id: str) -> bool:
        """Return whether something may be stored under an id."""
        return (owner, memory_id) in self._versions

    def is_stale(self, state: Snapshot) -> bool:
        """Return whether the memory was changed or deleted since this state, which came late."""
        return state.version < self._versions.get((state.owner, state.id), _UNKNOWN)

    def register(self, owner: Owner) -> None:
        """Record that mem0 has this owner in its list of users."""
        self._put_newest(self._registered, owner, None)

    def is_registered(self, owner: Owner) -> bool:
        """Return whether mem0 has this owner in its list of users."""
        return owner in self._registered

    def set_count(self, owner: Owner, memories: int) -> None:
        """Record how many memories an owner has."""
        self._put_newest(self._counts, owner, memories)

    def increment_count(self, owner: Owner) -> None:
        """Record that an owner has one memory more, if it is known how many."""
        if owner in self._counts:
            self._counts[owner] += 1

    def could_be_all(self, owner: Owner, memories: int) -> bool:
        """Return whether an owner has no more memories than that, as far as is known; False of an unknown owner."""
        return owner in self._counts and memories >= self._counts[owner]

    def forget(self, owner: Owner) -> None:
        """Forget what is known of an owner."""
        self._registered.pop(owner, None)
        self._counts.pop(owner, None)
        for key in [key for key in self._versions if key[0] == owner]:
            del self._versions[key]

    def clear(self) -> None:
        """Forget everything: it is another store now."""
        self._versions.clear()
        self._registered.clear()
        self._counts.clear()

    def _put(self, key: tuple[Owner, str], version: int) -> None:
        self._put_newest(self._versions, key, max(version, self._versions.get(key, _UNKNOWN)))

    def _put_newest(self, entries: OrderedDict[Key, Value], key: Key, value: Value) -> None:
        """Put an entry as the most recently used one, and evict the least recently used one if there are too many."""
        entries[key] = value
        entries.move_to_end(key)
        if len(entries) > self._max_entries:
            entries.popitem(last=False)
