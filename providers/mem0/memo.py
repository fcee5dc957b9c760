"""What this process knows of memories at mem0 without asking: an accelerator and a shield, never the truth."""

from collections import OrderedDict

from providers.types import Snapshot

MAX_KNOWN = 50_000

_NOTHING = -1
_DELETED = 2**63  # above every version


class Memo:
    """The memories that this process has written, tried to write or looked at, each with the newest version seen.

    The longest unused are forgotten; then mem0 is asked.
    """

    def __init__(self, most: int = MAX_KNOWN) -> None:
        self._most = most
        self._versions: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._users: OrderedDict[str, None] = OrderedDict()
        self._counts: OrderedDict[str, int] = OrderedDict()

    def touch(self, user_id: str, memory_id: str) -> None:
        """Take note that something may be there."""
        self._note((user_id, memory_id), _NOTHING)

    def note(self, state: Snapshot) -> None:
        """Take note of what is there."""
        self._note((state.user_id, state.id), _DELETED if state.deleted else state.version)

    def touched(self, user_id: str, memory_id: str) -> bool:
        """Whether something may be there."""
        return (user_id, memory_id) in self._versions

    def outlived(self, state: Snapshot) -> bool:
        """Whether this is a copy of what was changed or deleted since, and came late."""
        return state.version < self._versions.get((state.user_id, state.id), _NOTHING)

    def enrol(self, user_id: str) -> None:
        """Take note that mem0 has this user in its list."""
        self._users[user_id] = None
        if len(self._users) > self._most:
            self._users.popitem(last=False)

    def enrolled(self, user_id: str) -> bool:
        """Whether mem0 has this user in its list."""
        return user_id in self._users

    def count(self, user_id: str, memories: int) -> None:
        """Take note of how many memories a user has."""
        self._counts[user_id] = memories
        self._counts.move_to_end(user_id)
        if len(self._counts) > self._most:
            self._counts.popitem(last=False)

    def has_one_more(self, user_id: str) -> None:
        """Take note that a user has one memory more, if it is known how many."""
        if user_id in self._counts:
            self._counts[user_id] += 1

    def could_be_all(self, user_id: str, memories: int) -> bool:
        """Whether a user has no more than these, as far as is known here; of an unknown user it is not."""
        return user_id in self._counts and memories >= self._counts[user_id]

    def clear(self) -> None:
        """Forget everything: it is another store now."""
        self._versions.clear()
        self._users.clear()
        self._counts.clear()

    def _note(self, key: tuple[str, str], version: int) -> None:
        self._versions[key] = max(version, self._versions.get(key, _NOTHING))
        self._versions.move_to_end(key)
        if len(self._versions) > self._most:
            self._versions.popitem(last=False)
