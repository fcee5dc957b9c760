"""The server's clock, watched: when it is set, the moments in the tables are set with it.

The hosts that share a journal have one clock in common, the server's, which people and NTP may set. Put back by an hour
it would make deliveries wait for an hour, and hide their age; put forward it would have tombstones forgotten while a
late write is still under way. A host's own running time never steps. So every process compares the two, each second
and before anything is dropped; where they differ, the first process that sees it moves all moments by the difference.

What was written between the step and this correction, a second at most, cannot be told from what was written before.
It is therefore treated as new: it is retained longer, deliveries are due at once, and a lease that ends early costs a
repetition. A claim of that time keeps a minute, so that no provider is taken for one that nobody uses.

While no process runs nobody compares. After such a gap nothing may lie in the future, and what must be retained for
some time is retained until the clock has been watched for that time (`watched_since`).
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial

import structlog
from msgspec import Struct
from sqlalchemy import text

from providers.journal.base import JournalUnavailable
from providers.journal.postgres.database import JournalDatabase
from providers.journal.postgres.statements import LOCK_ALONE

WATCH_SECONDS = 1.0  # between two comparisons
TOLERANCE = 2.0  # seconds; less is a clock that is being adjusted, or a busy machine
GAP_SECONDS = 60.0  # after which the clock counts as unwatched
_NOTED_EVERY = 10.0  # seconds between two notes that the clock is watched
_DRIFT = 0.001  # seconds by which two good clocks may differ after a second

Now = Callable[[], float]

# The time for which this host has been running, time asleep included.
RUNNING: Now = partial(time.clock_gettime, time.CLOCK_BOOTTIME)

_NOTE = text(f"""
    UPDATE ninai_journal SET watched_at = clock_timestamp()
    WHERE watched_at NOT BETWEEN clock_timestamp() - make_interval(secs => {_NOTED_EVERY}) AND clock_timestamp()
""")  # noqa: S608 - a constant
_READ = text("""
    SELECT CAST(extract(epoch FROM clock_timestamp()) AS float8) AS moment, clock_steps AS steps,
        CAST(extract(epoch FROM watched_at) AS float8) AS watched_at,
        (SELECT coalesce(max(seq), 0) FROM ninai_journal_entries) AS seq
    FROM ninai_journal
""")
_STEPS = text("SELECT clock_steps FROM ninai_journal FOR UPDATE")
# In the order in which settlements lock them.
_LOCK_DELIVERIES = "SELECT 1 FROM ninai_journal_deliveries ORDER BY provider, seq FOR UPDATE"
_SECONDS = "CAST(:step AS float8)"  # everywhere: beside an integer the server would take it for one, and cut it off
_STEP = f"make_interval(secs => {_SECONDS})"
_MOVED = (
    f"""
    UPDATE ninai_journal SET clock_steps = clock_steps + 1, watched_at = clock_timestamp(),
        watched_since = least(watched_since + {_STEP}, clock_timestamp())
    """,  # noqa: S608 - a constant
    f"""
    UPDATE ninai_journal_entries SET appended_at = CASE
        WHEN seq <= :seq THEN least(appended_at + {_STEP}, clock_timestamp()) ELSE clock_timestamp() END
    """,  # noqa: S608 - a constant
    f"""
    UPDATE ninai_journal_deliveries SET due_at = least(due_at + {_STEP}, clock_timestamp()), since = CASE
        WHEN seq <= :seq THEN least(since + {_STEP}, clock_timestamp()) ELSE clock_timestamp() END
    """,  # noqa: S608 - a constant
    f"UPDATE ninai_journal_older_edits SET noted_at = least(noted_at + {_STEP}, clock_timestamp())",  # noqa: S608 - a constant
    f"""
    UPDATE ninai_journal_members SET noted_at = least(noted_at + {_STEP}, clock_timestamp()),
        joined_at = least(joined_at + {_STEP}, clock_timestamp())
    """,  # noqa: S608 - a constant
    f"""
    UPDATE ninai_journal_claims SET ends_at = CASE
        WHEN {_SECONDS} > 0 THEN CASE WHEN ends_at <= clock_timestamp() THEN ends_at + {_STEP} ELSE ends_at END
        WHEN ends_at > to_timestamp(:seen) THEN ends_at + {_STEP}
        ELSE least(ends_at, clock_timestamp() + interval '1 minute') END
    """,  # noqa: S608 - a constant
)
_BEGUN = (
    """
    UPDATE ninai_journal SET clock_steps = clock_steps + 1, watched_at = clock_timestamp(),
        watched_since = clock_timestamp()
    """,
    "UPDATE ninai_journal_entries SET appended_at = clock_timestamp() WHERE appended_at > clock_timestamp()",
    """
    UPDATE ninai_journal_deliveries
    SET due_at = least(due_at, clock_timestamp()), since = least(since, clock_timestamp())
    WHERE greatest(due_at, since) > clock_timestamp()
    """,
    "UPDATE ninai_journal_members SET noted_at = clock_timestamp() WHERE noted_at > clock_timestamp()",
    """
    UPDATE ninai_journal_claims SET ends_at = clock_timestamp() + interval '1 minute'
    WHERE ends_at > clock_timestamp() + interval '1 minute'
    """,
)

_log = structlog.get_logger(__name__)


class _Reading(Struct, frozen=True):
    """The server's clock and this host's at one moment, with the newest operation and the number of steps by then."""

    moment: float
    running: float
    took: float
    seq: int
    steps: int

    def step_since(self, former: "_Reading") -> float:
        """Return the seconds by which the server's clock has stepped, 0 if it has not or the step was corrected."""
        elapsed = self.running - former.running
        step = self.moment - former.moment - elapsed
        if self.steps != former.steps or abs(step) <= TOLERANCE + former.took + self.took + _DRIFT * elapsed:
            return 0.0
        return step


class ClockWatch:
    """Compare the server's clock with `running`, a clock of this host that never steps."""

    def __init__(self, database: JournalDatabase, running: Now) -> None:
        self._database = database
        self._running = running
        self._seen: _Reading | None = None
        self._comparing = asyncio.Lock()

    async def run(self) -> None:
        """Compare until cancelled."""
        while True:
            try:
                await self.compare()
            except JournalUnavailable as error:
                _log.debug("journal_clock_unknown", reason=error.reason)
            await asyncio.sleep(WATCH_SECONDS)

    async def compare(self) -> None:
        """Compare once, and correct the moments in the tables if the clock has stepped.

        Raises:
            JournalUnavailable: the clock cannot be read, or the moments cannot be corrected.
        """
        async with self._comparing:
            seen = self._seen
            async with self._database.writing() as connection:
                before = self._running()
                row = (await connection.execute(_READ)).one()
                took = self._running() - before
                reading = _Reading(row.moment, before + took / 2, took, row.seq, row.steps)
                step = 0.0 if seen is None else reading.step_since(seen)
                unwatched = seen is None and not -TOLERANCE <= row.moment - row.watched_at <= GAP_SECONDS
                if not step and not unwatched:
                    await connection.execute(_NOTE)
                    self._seen = reading
                    return
            if unwatched:
                await self._correct(reading, _BEGUN, {})
            elif seen is not None:
                await self._correct(reading, _MOVED, {"step": step, "seq": seen.seq, "seen": seen.moment})
                _log.warning("journal_clock_stepped", seconds=round(step, 1))
            self._seen = None

    async def _correct(self, reading: _Reading, statements: tuple[str, ...], values: dict[str, float]) -> None:
        async with self._database.transaction() as connection:
            await connection.execute(LOCK_ALONE)
            if await connection.scalar(_STEPS) == reading.steps:  # otherwise another process has done it
                for statement in (_LOCK_DELIVERIES, *statements):
                    await connection.execute(text(statement), values)
