"""The journal in a SQLite file.

The standard library's `sqlite3` in a thread is used, and not aiosqlite, because that would go to the thread and back
for every statement; here a whole transaction is one such hop. Concurrent writes of many callers become one transaction
with one flush to disk. Reads have a connection of their own, which no writer ever blocks.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial, wraps
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

from providers.erasure.receipts import ErasedInJournal, Erasure
from providers.errors import Rejected
from providers.group_commit import Combiner
from providers.journal.base import MAX_APPENDED, MAX_LEASED, Journal, JournalUnavailable, check_count
from providers.journal.operations import Appended, KeptVersion, LeaseToken, Operation, Settlement
from providers.journal.sqlite import (
    appending,
    changing,
    delivering,
    erasing,
    older_edits,
    outstanding,
    retaining,
    superseding,
)
from providers.journal.sqlite import members as membership
from providers.journal.sqlite.connection import JournalConnection, Work
from providers.journal.sqlite.place import FilePlace
from providers.journal.sqlite.running import Runner
from providers.journal.sqlite.translate import unavailable
from providers.journal.sqlite.watching import CommitWatcher, look
from providers.types import Snapshot

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Piece = Callable[Concatenate[JournalConnection, Arguments], Result]
Method = Callable[Concatenate["SqliteJournal", Arguments], Coroutine[Any, Any, Result]]


class _Piece(NamedTuple):
    """A piece of work in the queue; what is not `durable` need not outlive a failure of the host's power."""

    work: Work[Any]
    durable: bool


_PRUNED_AT_ONCE = 2_000  # operations checked in one transaction, which takes some milliseconds


def _reading(piece: Piece[Arguments, Result]) -> Method[Arguments, Result]:
    """Return the method of a journal that runs a function on its reading connection."""

    @wraps(piece)
    async def method(journal: "SqliteJournal", /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        return await journal.read(lambda connection: piece(connection, *args, **kwargs))

    return method


def _writing(
    piece: Piece[Arguments, Result], *, makes_due: bool = False, promises: bool = True
) -> Method[Arguments, Result]:
    """Return the method of a journal that runs a function in a transaction; see `SqliteJournal.write`."""

    @wraps(piece)
    async def method(journal: "SqliteJournal", /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        return await journal.write(
            lambda connection: piece(connection, *args, **kwargs), makes_due=makes_due, promises=promises
        )

    return method


def _makes_due(outcome: Appended | Rejected) -> bool:
    """Return whether an append leaves more to be delivered than what is leased to its caller."""
    return isinstance(outcome, Appended) and len(outcome.entry.pending) > (outcome.entry.lease is not None)


class SqliteJournal(Journal):
    """A journal over two connections to one database: one that writes, one that reads.

    If its file is no longer the one at its `place`, it takes and tells nothing any more. The deliveries that it holds
    are still leased and settled: they are acknowledged, and no other process will ever make them.
    """

    def __init__(self, journal_id: str, writer: Runner, reader: Runner, place: FilePlace | None = None) -> None:
        self._id = journal_id
        self._writer = writer
        self._reader = reader
        self._place = place
        self._combiner: Combiner[_Piece, Any] = Combiner(self._commit, lanes=1)
        self._settling: set[asyncio.Task[None]] = set()
        self._watcher = CommitWatcher(lambda since: self._read(lambda connection: look(connection, since)))
        self._closed = False

    @property
    def id(self) -> str:
        """The name that the file received when it was created."""
        return self._id

    @property
    def trouble(self) -> str | None:
        """Why nothing is taken."""
        return None if self._place is None else self._place.trouble

    async def append(
        self, operations: Sequence[Operation], *, held: str | None = None, seconds: float = 0.0
    ) -> list[Appended | Rejected]:
        """Make operations durable."""
        check_count("operations", len(operations), MAX_APPENDED)
        outcomes = await self.write(lambda connection: appending.append(connection, operations, held, seconds))
        if any(_makes_due(outcome) for outcome in outcomes):
            self._watcher.notice()
        return outcomes

    entries = _reading(retaining.entries)
    deleted = _reading(retaining.deleted)
    newest = _reading(appending.newest)
    newest_of = _reading(appending.newest_of)
    undelivered = _reading(outstanding.undelivered)
    lease = _writing(delivering.lease, promises=False)

    async def renew(self, provider: str, leases: Sequence[LeaseToken], seconds: float) -> list[LeaseToken | None]:
        """Extend leases."""
        check_count("leases", len(leases), MAX_LEASED)
        return await self.write(
            lambda connection: delivering.renew(connection, provider, leases, seconds), promises=False
        )

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
            pruned = await self.write(
                lambda connection: retaining.prune(connection, seconds, start, _PRUNED_AT_ONCE)  # noqa: B023 - awaited before the next turn
            )
            dropped, place = dropped + pruned.dropped, pruned.reached
        for drop in (self._drop_older_edits, self._drop_superseded):
            while await drop(seconds, _PRUNED_AT_ONCE) == _PRUNED_AT_ONCE:
                pass
        await self.write(membership.drop_ended_claims)
        return dropped

    _drop_older_edits = _writing(older_edits.drop_old)
    _drop_superseded = _writing(superseding.drop_old)
    tombstones = _reading(retaining.tombstones)
    redeliver = _writing(retaining.redeliver, makes_due=True)
    forget = _writing(retaining.forget)
    status = _reading(retaining.status)
    moment = _reading(retaining.moment)
    newest_version = _reading(retaining.newest_version)
    last_seq = _reading(retaining.last_seq)
    pending = _reading(outstanding.pending)
    dead = _reading(outstanding.dead)
    retry = _writing(outstanding.retry, makes_due=True)
    discard = _writing(outstanding.discard)
    founded = _reading(membership.founded)
    patrolled = _reading(membership.patrolled)
    note_patrol = _writing(membership.note_patrol)
    quarantines = _reading(membership.quarantines)
    note_quarantines = _writing(membership.note_quarantines)

    async def installation(self, proposed: str | None = None) -> str | None:
        """Return the installation that the journal belongs to."""
        noted = await self.read(membership.installation)
        if noted is not None or proposed is None:
            return noted
        return await self.write(lambda connection: membership.installation(connection, proposed))

    join = _writing(membership.join)
    restart = _writing(membership.restart, makes_due=True)
    reserve = _writing(membership.reserve)
    note = _writing(membership.note)
    confirmed = _reading(membership.confirmed)
    members = _reading(membership.members)
    note_fill = _writing(membership.note_fill)
    mark = _writing(membership.mark)
    leave = _writing(membership.leave)
    claim = _writing(membership.claim)
    fences = _reading(erasing.fences)
    add_fences = _writing(erasing.add_fences)
    begin_erasure = _writing(erasing.begin)
    fence = _writing(erasing.fence)
    erasure = _reading(erasing.erasure)
    erasures = _reading(erasing.erasures)
    drop_erasures = _writing(erasing.drop)
    changes = _reading(changing.changes)
    webhook_notes = _reading(changing.webhook_notes)
    note_webhook = _writing(changing.note_webhook)
    drop_webhook_notes = _writing(changing.drop_webhook_notes)
    superseded = _reading(superseding.superseded)

    async def keep_versions(
        self, versions: Sequence[Snapshot], *, held: str | None = None, seconds: float = 0.0
    ) -> list[KeptVersion | Rejected]:
        """Make versions durable that come from elsewhere."""
        check_count("versions", len(versions), MAX_APPENDED)
        return await self.write(
            lambda connection: superseding.keep_given(connection, versions, held, seconds), makes_due=True
        )

    note_history = _writing(superseding.note_history, makes_due=True)

    async def note_erasure(self, erasure: Erasure) -> None:
        """Replace what is written down, and leave no name of a confirmed one in the log."""
        await self.write(lambda connection: erasing.note(connection, erasure))
        if erasure.confirmed_at is not None:
            await self.read(erasing.empty_log)

    async def purge(self, owner_key: str, version: int) -> ErasedInJournal:
        """Remove what the journal holds of an owner, from its log as well."""
        counts = await self.write(lambda connection: erasing.purge(connection, owner_key, version))
        await self.read(erasing.empty_log)
        return counts

    async def close(self) -> None:
        """Commit what is queued; every later call is refused."""
        self._closed = True
        await asyncio.gather(*self._settling)
        await self._combiner.close()

    async def _settle(self, settlements: Sequence[Settlement]) -> None:
        # A settlement that is lost costs a repetition, and nothing else can be done about it here. So it waits for no
        # flush, for which the next append would have to wait as well.
        work = partial(delivering.settle, settlements=settlements)
        with suppress(JournalUnavailable):
            await self._combiner.put(_Piece(work, durable=False))

    async def read(self, work: Work[Result]) -> Result:
        """Run a piece of work on the connection that reads."""
        result = await self._read(work)
        self._check_place()
        return result

    async def _read(self, work: Work[Result]) -> Result:
        self._refuse_if_closed()
        try:
            return await self._reader.run(work)
        except sqlite3.Error as error:
            raise unavailable(error) from error

    async def write(self, work: Work[Result], *, makes_due: bool = False, promises: bool = True) -> Result:
        """Run a piece of work in a transaction; if it may make deliveries due, end the waits for them.

        What `promises` something must be in the file that the next process will open, also after the commit, and
        is flushed to disk before this returns.
        """
        self._refuse_if_closed()
        if promises:
            self._check_place()
        result: Result = await self._combiner.put(_Piece(work, durable=promises))
        if promises:
            self._check_place(ambiguous=True)
        if makes_due:
            self._watcher.notice()
        return result

    async def _commit(self, pieces: Sequence[_Piece]) -> list[Any]:
        works, durable = [piece.work for piece in pieces], any(piece.durable for piece in pieces)
        try:
            return await self._writer.run(lambda connection: connection.commit(works, durable=durable))
        except sqlite3.Error as error:
            if len(pieces) > 1:
                raise  # so that the combiner tries each one alone
            raise unavailable(error) from error

    def _check_place(self, *, ambiguous: bool = False) -> None:
        if self._place is not None:
            self._place.check(ambiguous=ambiguous)

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise JournalUnavailable("journal: closed")
