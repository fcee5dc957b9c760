"""The clock of a journal in a file: it never steps, whatever is done to the clock on the wall.

The wall clock of a host is set by people and by NTP. Put back by an hour it made deliveries wait for an hour, and hid
their age; put forward it had tombstones forgotten while a late write was still under way. So a journal counts the time
for which its host has been running, of which all processes of the host have one and the same count, and adds it to a
moment that is kept in the file. The wall clock is read once for each boot of the host, to begin from a moment that
people recognise.

While the host is down nobody counts. At the next boot the clock goes on from the wall clock's moment, but never from
one before the newest in the file, so that no age is negative. A wall clock that is wrong by then makes what was
appended before look older than it is; what must be retained for some time is therefore retained until the host has
been running for that time again (`JournalClock.before`). Nothing is under way from the time before a boot: leases and
claims of those processes have ended with them.
"""

import sqlite3
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from msgspec import Struct

Now = Callable[[], float]

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class RunningTime(Struct, frozen=True):
    """The running time of a host: `seconds` since the boot that has the name `boot`, time asleep included."""

    seconds: Now = partial(time.clock_gettime, time.CLOCK_BOOTTIME)
    boot: Callable[[], str] = lambda: _BOOT_ID.read_text().strip()


RUNNING_TIME = RunningTime()


class JournalClock(Struct, frozen=True):
    """Return seconds since 1970; `began` is the moment since which they were counted without a break."""

    now: Now
    began: float = float("-inf")

    def before(self, seconds: float) -> float:
        """Return the moment before which everything is older than so many seconds, however the wall clock was set."""
        now = self.now()
        return now - seconds if now - self.began >= seconds else float("-inf")


def clock_in(connection: sqlite3.Connection, wall: Now, running: RunningTime) -> JournalClock:
    """Return the clock of a file, which begins to count anew if the host was booted since."""
    boot = running.boot()
    moment = _counted(connection, boot, running.seconds())
    if moment is None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            moment = _counted(connection, boot, running.seconds())  # if another process was faster
            if moment is None:
                moment = _begin(connection, boot, running.seconds(), wall())
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
    began, started = moment
    return JournalClock(lambda: began + running.seconds() - started, began)


def _counted(connection: sqlite3.Connection, boot: str, seconds: float) -> tuple[float, float] | None:
    """Return the moment at which the count of this boot began, and the running time at that moment."""
    row = connection.execute("SELECT moment, running FROM clock WHERE boot = ?", (boot,)).fetchone()
    # A running time before that of the beginning is another host's: some containers give every boot one name.
    return None if row is None or row[1] > seconds else (row[0], row[1])


def _begin(connection: sqlite3.Connection, boot: str, seconds: float, wall: float) -> tuple[float, float]:
    [newest] = connection.execute("SELECT max(appended_at) FROM operations").fetchone()
    moment = wall if newest is None else max(wall, newest)
    connection.execute("DELETE FROM clock")
    connection.execute("INSERT INTO clock (boot, running, moment) VALUES (?, ?, ?)", (boot, seconds, moment))
    connection.execute("UPDATE deliveries SET due_at = ?1 WHERE due_at > ?1", (moment,))
    connection.execute("UPDATE deliveries SET made_at = ?1 WHERE made_at > ?1", (moment,))
    connection.execute("UPDATE members SET noted_at = ?1 WHERE noted_at > ?1", (moment,))
    connection.execute("DELETE FROM claims")
    return moment, seconds
