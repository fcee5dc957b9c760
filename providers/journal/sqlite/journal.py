"""The journal in a SQLite file.

The standard library's `sqlite3` in a thread is used, and not aiosqlite, because that would go to the thread and back
for every statement; here a whole transaction is one such hop. Concurrent writes of many callers become one transaction
with one flush to disk. Reads have a connection of their own, which no writer ever blocks.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, TypeVar

from providers.errors import Rejected
from providers.group_commit import Combiner
from providers.journal.base import MAX_APPENDED, MAX_LEASED, Journal, JournalUnavailable, check_count
from providers.journal.operations import (
    Appended,
    DeadLetter,
    Delivery,
    JournalEntry,
    JournalStatus,
    LeaseToken,
    Member,
    MemberState,
    Operation,
    PendingDelivery,
    Settlement,
)
from providers.journal.sqlite import appending, delivering, outstanding, retaining
from providers.journal.sqlite import members as membership
from providers.journal.sqlite.connection import Work
from providers.journal.sqlite.running import Runner
from providers.journal.sqlite.translate import unavailable
from providers.journal.sqlite.watching import CommitWatcher, look
from providers.types import Owner

Result = TypeVar("Result")

_PRUNED_AT_ONCE = 2_000  # operations checked in one transaction, which takes some milliseconds


class SqliteJournal(Journal):
    """A journal over two connections to one database: one that writes, one that reads."""

    def __init__(self, journal_id: str, writer: Runner, reader: Runner) -> None:
        self._id = journal_id
        self._writer = writer
        self._reader = reader
        self._combiner: Combiner[Work[Any], Any] = Combiner(self._commit, lanes=1)
        self._settling: set[asyncio.Task[None]] = set()
        self._watcher = CommitWatcher(lambda since: self._read(lambda connection: look(connection, since)))
        self._closed = False

    @property
    def id(self) -> str:
        """The name that the file received when it was created."""
        return self._id

    async def append(
        self, operations: Sequence[Operation], *, held: str | None = None, seconds: float = 0.0
    ) -> list[Appended | Rejected]:
        """Make operations durable."""
        check_count("operations", len(operations), MAX_APPENDED)
        appended = await self._write(lambda connection: appending.append(connection, operations, held, seconds))
        self._watcher.notice()
        return appended

    async def entries(self, owner: Owner, provider: str, limit: int, tombstones: int) -> list[JournalEntry]:
        """Return what takes precedence over a provider's own state."""
        return await self._read(
            lambda connection: retaining.entries(connection, owner.user, provider, limit, tombstones)
        )

    async def deleted(self, owner: Owner, memory_ids: Sequence[str]) -> set[str]:
        """Return those that have a tombstone."""
        return await self._read(lambda connection: retaining.deleted(connection, owner.user, memory_ids))

    async def newest(self, owner: Owner, memory_id: str) -> JournalEntry | None:
        """Return what is known of one memory."""
        return await self._read(lambda connection: appending.newest(connection, owner.user, memory_id))

    async def lease(self, provider: str, limit: int, seconds: float) -> list[Delivery]:
        """Lease the deliveries to a provider that are due."""
        return await self._write(lambda connection: delivering.lease(connection, provider, limit, seconds))

    async def renew(self, provider: str, leases: Sequence[LeaseToken], seconds: float) -> list[LeaseToken | None]:
        """Extend leases."""
        check_count("leases", len(leases), MAX_LEASED)
        return await self._write(lambda connection: delivering.renew(connection, provider, leases, seconds))

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Record results with the next commit."""
        self._refuse_if_closed()
        task = asyncio.create_task(self._settle(settlements))
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)
        await asyncio.sleep(0)  # by then the results are queued, before the next call of this caller

    async def wait(self, seconds: float) -> None:
        """Wait for a commit by any process, or for the moment at which a delivery becomes due."""
        await self._watcher.wait(seconds)

    async def prune(self, seconds: float) -> int:
        """Drop what every member has confirmed, in steps between which others can write."""
        dropped = 0
        place: retaining.Place | None = retaining.START
        while place is not None:
            start = place
            pruned = await self._write(
                lambda connection: retaining.prune(connection, seconds, start, _PRUNED_AT_ONCE)  # noqa: B023 - awaited before the next turn
            )
            dropped, place = dropped + pruned.dropped, pruned.reached
        return dropped

    async def tombstones(self, limit: int, seconds: float, *, after: int = 0) -> list[JournalEntry]:
        """Return tombstones that every member has confirmed."""
        return await self._read(lambda connection: retaining.tombstones(connection, limit, seconds, after))

    async def redeliver(self, seq: int, provider: str) -> None:
        """Make a tombstone due again."""
        await self._write(lambda connection: retaining.redeliver(connection, seq, provider))
        self._watcher.notice()

    async def forget(self, seqs: Sequence[int], *, traces: bool = False) -> None:
        """Drop tombstones."""
        await self._write(lambda connection: retaining.forget(connection, seqs, traces=traces))

    async def status(self) -> JournalStatus:
        """Count operations and deliveries."""
        return await self._read(retaining.status)

    async def newest_version(self) -> int:
        """Return the greatest version."""
        return await self._read(retaining.newest_version)

    async def pending(self, limit: int, *, provider: str | None = None, after: int = 0) -> list[PendingDelivery]:
        """Return the outstanding deliveries."""
        return await self._read(lambda connection: outstanding.pending(connection, limit, provider, after))

    async def dead(self, limit: int, *, after: int = 0) -> list[DeadLetter]:
        """Return dead letters."""
        return await self._read(lambda connection: outstanding.dead(connection, limit, after))

    async def retry(self, seq: int, provider: str) -> bool:
        """Make a dead letter due."""
        found = await self._write(lambda connection: outstanding.retry(connection, seq, provider))
        self._watcher.notice()
        return found

    async def discard(self, seq: int, provider: str) -> bool:
        """Drop a dead letter."""
        return await self._write(lambda connection: outstanding.discard(connection, seq, provider))

    async def join(self, name: str, identity: str | None) -> Member:
        """Find or add a member."""
        return await self._write(lambda connection: membership.join(connection, name, identity))

    async def members(self) -> list[Member]:
        """Return all members."""
        return await self._read(membership.members)

    async def note_fill(self, name: str, *, after: str | None, copied: int, copied_users: int) -> None:
        """Record the progress of a backfill."""
        await self._write(lambda connection: membership.note_fill(connection, name, after, copied, copied_users))

    async def mark(self, name: str, state: MemberState) -> None:
        """Set the state of a member."""
        await self._write(lambda connection: membership.mark(connection, name, state))

    async def leave(self, name: str) -> bool:
        """Remove a member."""
        return await self._write(lambda connection: membership.leave(connection, name))

    async def claim(self, task: str, holder: str, seconds: float) -> bool:
        """Acquire or keep a task."""
        return await self._write(lambda connection: membership.claim(connection, task, holder, seconds))

    async def close(self) -> None:
        """Commit what is queued; every later call is refused."""
        self._closed = True
        await asyncio.gather(*self._settling)
        await self._combiner.close()

    async def _settle(self, settlements: Sequence[Settlement]) -> None:
        # A settlement that is lost costs a repetition, and nothing else can be done about it here.
        with suppress(JournalUnavailable):
            await self._combiner.put(lambda connection: delivering.settle(connection, settlements))

    async def _read(self, work: Work[Result]) -> Result:
        self._refuse_if_closed()
        try:
            return await self._reader.run(work)
        except sqlite3.Error as error:
            raise unavailable(error) from error

    async def _write(self, work: Work[Result]) -> Result:
        self._refuse_if_closed()
        result: Result = await self._combiner.put(work)
        return result

    async def _commit(self, works: Sequence[Work[Any]]) -> list[Any]:
        try:
            return await self._writer.run(lambda connection: connection.commit(works))
        except sqlite3.Error as error:
            if len(works) > 1:
                raise  # so that the combiner tries each one alone
            raise unavailable(error) from error

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise JournalUnavailable("journal: closed")
