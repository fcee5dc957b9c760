"""The journal in a SQLite file.

The standard library's `sqlite3` in a thread is used, and not aiosqlite, because that would go to the thread and back
for every statement; here a whole transaction is one such hop. What many callers want to write at the same time becomes
one transaction with one flush to disk. Reads have a connection of their own, which no writer ever blocks.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, TypeVar

from providers.errors import Rejected
from providers.group_commit import Combiner
from providers.journal.base import MAX_APPENDED, MAX_LEASED, Journal, JournalUnavailable
from providers.journal.operations import (
    Appended,
    DeadLetter,
    Delivery,
    Entry,
    JournalStatus,
    Loan,
    Member,
    MemberState,
    Operation,
    PendingDelivery,
    Settlement,
)
from providers.journal.sqlite import appending, delivering, retaining
from providers.journal.sqlite import members as membership
from providers.journal.sqlite.ledger import Work
from providers.journal.sqlite.running import Runner
from providers.journal.sqlite.translate import unavailable
from providers.journal.sqlite.waiting import Waiting

Result = TypeVar("Result")

_PRUNED_AT_ONCE = 2_000  # operations looked at in one transaction, some milliseconds


class SqliteJournal(Journal):
    """A journal over two connections to one database: one that writes, one that reads."""

    def __init__(self, journal_id: str, writer: Runner, reader: Runner) -> None:
        self._id = journal_id
        self._writer = writer
        self._reader = reader
        self._combiner: Combiner[Work[Any], Any] = Combiner(self._commit, lanes=1)
        self._settling: set[asyncio.Task[None]] = set()
        self._waiting = Waiting(lambda since: self._read(lambda ledger: delivering.look(ledger, since)))
        self._closed = False

    @property
    def id(self) -> str:
        """The name that the file was given when it was made."""
        return self._id

    async def append(
        self, operations: Sequence[Operation], *, held: str | None = None, seconds: float = 0.0
    ) -> list[Appended | Rejected]:
        """Make operations durable."""
        if len(operations) > MAX_APPENDED:
            raise ValueError(f"at most {MAX_APPENDED} operations at once, got {len(operations)}")
        appended = await self._write(lambda ledger: appending.append(ledger, operations, held, seconds))
        self._waiting.notice()
        return appended

    async def entries(self, user_id: str, provider: str, limit: int, tombstones: int) -> list[Entry]:
        """Give what a provider has not confirmed, and tombstones."""
        return await self._read(lambda ledger: retaining.entries(ledger, user_id, provider, limit, tombstones))

    async def deleted(self, user_id: str, memory_ids: Sequence[str]) -> set[str]:
        """Give those that are deleted."""
        return await self._read(lambda ledger: retaining.deleted(ledger, user_id, memory_ids))

    async def newest(self, user_id: str, memory_id: str) -> Entry | None:
        """Give what is known of one memory."""
        return await self._read(lambda ledger: appending.newest(ledger, user_id, memory_id))

    async def lease(self, provider: str, limit: int, seconds: float) -> list[Delivery]:
        """Lend what is due at a provider."""
        return await self._write(lambda ledger: delivering.lease(ledger, provider, limit, seconds))

    async def renew(self, provider: str, loans: Sequence[Loan], seconds: float) -> list[Loan | None]:
        """Keep what is lent."""
        if len(loans) > MAX_LEASED:
            raise ValueError(f"at most {MAX_LEASED} loans at once, got {len(loans)}")
        return await self._write(lambda ledger: delivering.renew(ledger, provider, loans, seconds))

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Take note with the next commit."""
        self._refuse_if_closed()
        task = asyncio.create_task(self._settle(settlements))
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)
        await asyncio.sleep(0)  # by then it is queued, before whatever this caller asks for next

    async def wait(self, seconds: float) -> None:
        """Wait for a commit by anybody, or for the moment when something becomes due."""
        await self._waiting.wait(seconds)

    async def prune(self, seconds: float) -> int:
        """Drop what everybody confirmed, in steps between which others can write."""
        dropped = 0
        place: retaining.Place | None = retaining.START
        while place is not None:
            start = place
            pruned = await self._write(lambda ledger: retaining.prune(ledger, seconds, start, _PRUNED_AT_ONCE))  # noqa: B023 - awaited before the next turn
            dropped, place = dropped + pruned.dropped, pruned.reached
        return dropped

    async def tombstones(self, limit: int, seconds: float, *, after: int = 0) -> list[Entry]:
        """Give tombstones that everybody confirmed."""
        return await self._read(lambda ledger: retaining.tombstones(ledger, limit, seconds, after))

    async def redeliver(self, seq: int, provider: str) -> None:
        """Make a tombstone due again."""
        await self._write(lambda ledger: retaining.redeliver(ledger, seq, provider))
        self._waiting.notice()

    async def forget(self, seqs: Sequence[int], *, traces: bool = False) -> None:
        """Drop tombstones."""
        await self._write(lambda ledger: retaining.forget(ledger, seqs, traces=traces))

    async def status(self) -> JournalStatus:
        """Count what is there."""
        return await self._read(retaining.status)

    async def newest_version(self) -> int:
        """Look for the greatest version."""
        return await self._read(retaining.newest_version)

    async def pending(self, limit: int, *, provider: str | None = None, after: int = 0) -> list[PendingDelivery]:
        """Give what is still to be delivered."""
        return await self._read(lambda ledger: delivering.pending(ledger, limit, provider, after))

    async def dead(self, limit: int, *, after: int = 0) -> list[DeadLetter]:
        """Give dead letters."""
        return await self._read(lambda ledger: delivering.dead(ledger, limit, after))

    async def retry(self, seq: int, provider: str) -> bool:
        """Make a dead letter due."""
        found = await self._write(lambda ledger: delivering.retry(ledger, seq, provider))
        self._waiting.notice()
        return found

    async def discard(self, seq: int, provider: str) -> bool:
        """Drop a dead letter."""
        return await self._write(lambda ledger: delivering.discard(ledger, seq, provider))

    async def join(self, name: str, identity: str | None) -> Member:
        """Find or make a member."""
        return await self._write(lambda ledger: membership.join(ledger, name, identity))

    async def members(self) -> list[Member]:
        """Give all members."""
        return await self._read(membership.members)

    async def note_fill(self, name: str, *, after: str | None, copied: int, copied_users: int) -> None:
        """Take note of how far a filling has come."""
        await self._write(lambda ledger: membership.note_fill(ledger, name, after, copied, copied_users))

    async def mark(self, name: str, state: MemberState) -> None:
        """Say whether a member has received everything."""
        await self._write(lambda ledger: membership.mark(ledger, name, state))

    async def leave(self, name: str) -> bool:
        """End a membership."""
        return await self._write(lambda ledger: membership.leave(ledger, name))

    async def claim(self, task: str, holder: str, seconds: float) -> bool:
        """Take or keep a task."""
        return await self._write(lambda ledger: membership.claim(ledger, task, holder, seconds))

    async def close(self) -> None:
        """Commit what is queued; afterwards it answers nothing any more."""
        self._closed = True
        await asyncio.gather(*self._settling)
        await self._combiner.close()

    async def _settle(self, settlements: Sequence[Settlement]) -> None:
        # A settlement that gets lost costs a repetition, which is all that can be done about it here.
        with suppress(JournalUnavailable):
            await self._combiner.put(lambda ledger: delivering.settle(ledger, settlements))

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
            return await self._writer.run(lambda ledger: ledger.commit(works))
        except sqlite3.Error as error:
            if len(works) > 1:
                raise  # so that the combiner tries each alone
            raise unavailable(error) from error

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise JournalUnavailable("journal: closed")
