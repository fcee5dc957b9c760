"""The order in which one owner's memories were changed last."""

from collections.abc import Iterator
from itertools import islice, takewhile

from msgspec import Struct


class ChangeLog(Struct):
    """Number the changes; of each memory only the last one is kept."""

    last: int = 0
    _numbers: dict[str, int] = {}  # of the last change of each memory, in the order of the numbers

    def note(self, memory_id: str) -> None:
        """Note that a memory has changed."""
        self.last += 1
        self._numbers.pop(memory_id, None)
        self._numbers[memory_id] = self.last

    def newest(self, most: int) -> Iterator[str]:
        """Return the memories that have changed last, the newest change first."""
        return islice(reversed(self._numbers), most)

    def forget(self, memory_id: str) -> None:
        """Forget that a memory has ever changed."""
        self._numbers.pop(memory_id, None)

    def after(self, number: int, most: int) -> list[tuple[int, str]]:
        """Return the first memories that have changed after a number, with the numbers of their changes."""
        newest_first = ((changed, memory_id) for memory_id, changed in reversed(self._numbers.items()))
        newer = [*takewhile(lambda change: change[0] > number, newest_first)]
        return newer[: -most - 1 : -1]
