"""The last change that each task has observed, so that a change between two waits ends the second at once."""

import asyncio
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

Mark = TypeVar("Mark")


class LastObserved(Generic[Mark]):
    """Store one mark per task; a task without one continues from the mark stored last by any task."""

    def __init__(self, initial: Mark) -> None:
        self._last = initial
        self._by_task: WeakKeyDictionary[asyncio.Task[object], Mark] = WeakKeyDictionary()

    def get(self) -> Mark:
        """Return the mark from which the current task continues."""
        task = asyncio.current_task()
        return self._last if task is None else self._by_task.get(task, self._last)

    def set(self, mark: Mark) -> None:
        """Store the mark up to which the current task has observed changes."""
        self._last = mark
        task = asyncio.current_task()
        if task is not None:
            self._by_task[task] = mark
