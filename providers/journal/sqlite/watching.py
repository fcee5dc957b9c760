"""Waiting until a delivery may have become due: after a commit in this process or another one, or at its moment."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from msgspec import Struct

from providers.journal.observed import LastObserved
from providers.journal.sqlite.connection import JournalConnection

POLL_SECONDS = 0.25  # between two looks for commits by other processes; a look reads one number in shared memory


class CommitMark(Struct, frozen=True):
    """A moment in the life of the database.

    `changes` has another value after any commit by any connection; `now` is the connection's time, and `next_due` the
    first moment after the one asked about at which a delivery becomes due.
    """

    changes: tuple[int, int]
    now: float
    next_due: float | None


Look = Callable[[float | None], Awaitable[CommitMark]]


def look(connection: JournalConnection, since: float | None) -> CommitMark:
    """Return the mark of this moment, with the next due moment after `since`, or after now if it is None."""
    [version] = connection.rows("PRAGMA data_version")
    now = connection.now()
    [next_due] = connection.rows(
        """SELECT min((SELECT d.due_at FROM deliveries AS d WHERE d.provider = m.name AND d.due_at > ?
        ORDER BY d.due_at LIMIT 1)) FROM members AS m""",
        (now if since is None else since,),
    )
    # The version changes with commits by other connections, the count with those by this one, if it also writes.
    return CommitMark((version[0], connection.raw.total_changes), now, next_due[0])


class CommitWatcher:
    """Let tasks wait for commits; none is missed between two waits of a task."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._noticed = asyncio.Event()
        self._observed: LastObserved[CommitMark | None] = LastObserved(None)

    def notice(self) -> None:
        """End a wait at once."""
        self._noticed.set()

    async def wait(self, seconds: float) -> None:
        """Wait for a change since the last wait of this task, or else of any task, but at most this long."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        seen = self._observed.get()
        while True:
            self._noticed.clear()
            mark = await self._look(None if seen is None else seen.now)
            remaining = deadline - loop.time()
            due_in = remaining if mark.next_due is None else mark.next_due - mark.now
            if seen is None or mark.changes != seen.changes or due_in <= 0 or remaining <= 0:
                self._observed.set(mark)
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(min(POLL_SECONDS, remaining, due_in)):
                    await self._noticed.wait()
