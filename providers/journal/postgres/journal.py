"""The journal in PostgreSQL."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, TextClause

from providers.errors import Rejected
from providers.journal.base import MAX_APPENDED, MAX_LEASED, check_count
from providers.journal.operations import (
    Appended,
    DeadLetter,
    Delivery,
    JournalEntry,
    JournalStatus,
    KeptVersion,
    LeaseToken,
    Operation,
    PendingDelivery,
    Settlement,
)
from providers.journal.postgres import statements, superseding
from providers.journal.postgres.appending import AppendCall, Appender
from providers.journal.postgres.changing import PostgresChanges
from providers.journal.postgres.clock import ClockWatch
from providers.journal.postgres.database import JournalDatabase
from providers.journal.postgres.erasing import PostgresErasures
from providers.journal.postgres.keeping import keep_versions
from providers.journal.postgres.members import PostgresMembers
from providers.journal.postgres.notifier import Notifier
from providers.journal.postgres.settling import Settler, moves
from providers.journal.rows import to_dead_letter, to_delivery, to_entry, to_pending, to_status
from providers.owners import Owner
from providers.states.codec import decode
from providers.timing.turns import in_turns
from providers.types import Snapshot

_PRUNED_AT_ONCE = 1_000  # entries checked in one step; appends wait while they are dropped
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class PostgresJournal(PostgresMembers, PostgresErasures, PostgresChanges):
    """A journal that many hosts share; its clock is the server's.

    A read sees every earlier settlement of this process that can be written within `patience` seconds.
    """

    def __init__(self, database: JournalDatabase, notifier: Notifier, clock: ClockWatch, patience: float) -> None:
        super().__init__(database, notifier)
        self._clock = clock
        self._appender = Appender(database)
        self._settler = Settler(database, notifier, patience)

    @property
    def id(self) -> str:
        """The name that the tables received when they were created; unknown until the database is reached once."""
        return self._database.id

    async def close(self) -> None:
        """Wait for what is under way, and write what is queued; call this before the database is closed."""
        await self._appender.close()
        await self._settler.close()

    async def append(
        self, operations: Sequence[Operation], *, held: str | None = None, seconds: float = 0.0
    ) -> list[Appended | Rejected]:
        """Make operations durable; see the protocol."""
        answers = await self._appender.append(AppendCall(operations, held, seconds))
        appended = [answer for answer in answers if isinstance(answer, Appended) and not answer.repeated]
        if any(answer.entry.pending - {held} for answer in appended):
            self._notifier.notify()
        if any(held in answer.entry.pending for answer in appended):
            self._notifier.notify_after(seconds)
        return answers

    async def entries(self, owner: Owner, provider: str, limit: int, tombstones: int) -> list[JournalEntry]:
        """Return what takes precedence over a provider's own state; see the protocol."""
        values = {"user_id": owner.key, "provider": provider, "limit": limit, "tombstones": tombstones}
        return await in_turns(_entry, await self._settled_rows(statements.ENTRIES, values))

    async def deleted(self, owner: Owner, memory_ids: Sequence[str]) -> set[str]:
        """Return those that have a tombstone; see the protocol."""
        values = {"user_id": owner.key, "memory_ids": list(memory_ids)}
        return {row.memory_id for row in await self._database.rows(statements.DELETED, values)}

    async def confirmed(self, provider: str, limit: int, seconds: float) -> list[JournalEntry]:
        """Return the newest operations that a provider has confirmed; see the protocol."""
        values = {"provider": provider, "limit": limit, "seconds": seconds}
        return await in_turns(_entry, await self._settled_rows(statements.CONFIRMED, values))

    async def newest(self, owner: Owner, memory_id: str) -> JournalEntry | None:
        """Return what is known of one memory; see the protocol."""
        rows = await self._settled_rows(statements.NEWEST, {"user_id": owner.key, "memory_id": memory_id})
        return _entry(rows[0]) if rows else None

    async def newest_of(self, owner: Owner, memory_ids: Sequence[str]) -> dict[str, JournalEntry]:
        """Return what is known of some memories; see the protocol."""
        values = {"user_id": owner.key, "memory_ids": list(memory_ids)}
        found = await in_turns(_entry, await self._settled_rows(statements.NEWEST_OF, values))
        return {entry.state.id: entry for entry in found}

    async def undelivered(self, owner: Owner, memory_id: str) -> dict[int, frozenset[str]]:
        """Return where the versions of one memory are to be delivered; see the protocol."""
        rows = await self._settled_rows(statements.UNDELIVERED, {"user_id": owner.key, "memory_id": memory_id})
        return {row.version: frozenset(row.providers) for row in rows}

    async def lease(self, provider: str, limit: int, seconds: float) -> list[Delivery]:
        """Lease deliveries; see the protocol."""
        await self._settler.settled()
        values = {"provider": provider, "limit": min(limit, MAX_LEASED), "seconds": seconds}
        rows = await self._database.write(statements.LEASE, values)
        if rows:
            self._notifier.notify_after(seconds)
        return sorted(map(to_delivery, rows), key=lambda delivery: delivery.seq)

    async def renew(self, provider: str, leases: Sequence[LeaseToken], seconds: float) -> list[LeaseToken | None]:
        """Extend leases; see the protocol."""
        check_count("leases", len(leases), MAX_LEASED)
        if not leases:
            return []
        distinct = list(dict.fromkeys(leases))  # two deliveries of one memory may have the same lease
        rows = await self._database.write(statements.MOVE, moves((provider, lease, seconds) for lease in distinct))
        if rows:
            self._notifier.notify_after(seconds)
        untils = {distinct[row.place - 1]: row.until for row in rows}
        return [
            LeaseToken(lease.user_id, lease.memory_id, untils[lease]) if lease in untils else None for lease in leases
        ]

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Queue the results of deliveries; see the protocol."""
        self._settler.settle(settlements)

    async def wait(self, seconds: float) -> None:
        """Wait for a notification; see the protocol."""
        await self._notifier.wait(seconds)

    async def prune(self, seconds: float) -> int:
        """Drop what every member has confirmed, in batches; see the protocol."""
        await self._clock.compare()
        await self._settler.settled()
        place: dict[str, object] | None = {"reached": _LONG_AGO, "seq": 0}
        dropped = 0
        while place is not None:
            values = {"seconds": seconds, "limit": _PRUNED_AT_ONCE} | place
            rows = await self._database.rows(statements.PRUNABLE, values)
            dropped += await self._drop([row.seq for row in rows if row.confirmed], deleted=False)
            full = len(rows) == _PRUNED_AT_ONCE
            place = {"reached": rows[-1].appended_at, "seq": rows[-1].seq} if full else None
        edits = {"seconds": seconds, "limit": _PRUNED_AT_ONCE}
        while await self._database.change(statements.DROP_OLDER_EDITS, edits) == _PRUNED_AT_ONCE:
            pass
        while await self._drop_superseded(seconds) == _PRUNED_AT_ONCE:
            pass
        await self._drop_ended_claims()
        return dropped

    async def superseded(self, owner: Owner, memory_id: str) -> list[Snapshot]:
        """Return what is known of one memory beside the newest; see the protocol."""
        values = {"user_id": owner.key, "memory_id": memory_id}
        return [decode(row.state) for row in await self._database.rows(superseding.OF_ONE, values)]

    async def keep_versions(
        self, versions: Sequence[Snapshot], *, held: str | None = None, seconds: float = 0.0
    ) -> list[KeptVersion | Rejected]:
        """Make versions durable that come from elsewhere; see the protocol."""
        check_count("versions", len(versions), MAX_APPENDED)
        if not versions:
            return []
        await self._settler.settled()
        answers = await keep_versions(self._database, versions, held, seconds)
        self._notifier.notify()
        self._notifier.notify_after(seconds)
        return answers

    async def tombstones(self, limit: int, seconds: float, *, after: int = 0) -> list[JournalEntry]:
        """Return tombstones that every member has confirmed; see the protocol."""
        await self._clock.compare()
        values = {"limit": limit, "seconds": seconds, "after": after}
        return await in_turns(_entry, await self._settled_rows(statements.TOMBSTONES, values))

    async def redeliver(self, seq: int, provider: str) -> None:
        """Make a tombstone due again; see the protocol."""
        async with self._database.transaction() as connection:
            await connection.execute(statements.LOCK_SHARED)
            await connection.execute(statements.REDELIVER, {"seq": seq, "provider": provider})
        self._notifier.notify()

    async def forget(self, seqs: Sequence[int], *, traces: bool = False) -> None:
        """Drop tombstones; see the protocol."""
        await self._settler.settled()
        await self._drop(list(seqs), deleted=True, traces=traces)

    async def status(self) -> JournalStatus:
        """Count operations and deliveries; see the protocol."""
        await self._settler.settled()
        async with self._database.reading() as connection:
            counts = (await connection.execute(statements.STATUS)).one()
            return to_status(counts, await connection.execute(statements.BACKLOGS))

    async def last_seq(self) -> int:
        """Return the greatest number ever used; see the protocol."""
        [[seq]] = await self._database.rows(statements.LAST_SEQ)
        return int(seq)

    async def moment(self) -> float:
        """Return the seconds since 1970 by the server's clock; see the protocol."""
        [[moment]] = await self._database.rows(statements.MOMENT)
        return float(moment)

    async def newest_version(self, owner: Owner | None = None) -> int:
        """Return the greatest version; see the protocol."""
        if owner is None:
            [[version]] = await self._database.rows(statements.NEWEST_VERSION)
        else:
            [[version]] = await self._database.rows(statements.NEWEST_VERSION_OF_OWNER, {"user_id": owner.key})
        return int(version)

    async def pending(self, limit: int, *, provider: str | None = None, after: int = 0) -> list[PendingDelivery]:
        """Return the outstanding deliveries; see the protocol."""
        values = {"limit": limit, "provider": provider, "after": after}
        return [to_pending(row) for row in await self._settled_rows(statements.PENDING, values)]

    async def dead(self, limit: int, *, after: int = 0) -> list[DeadLetter]:
        """Return dead letters; see the protocol."""
        rows = await self._settled_rows(statements.DEAD, {"limit": limit, "after": after})
        return [to_dead_letter(row) for row in rows]

    async def retry(self, seq: int, provider: str) -> bool:
        """Make a dead letter due; see the protocol."""
        await self._settler.settled()
        found = bool(await self._database.change(statements.RETRY, {"seq": seq, "provider": provider}))
        if found:
            self._notifier.notify()
        return found

    async def discard(self, seq: int, provider: str) -> bool:
        """Give up a dead letter; see the protocol."""
        await self._settler.settled()
        values = {"seq": seq, "provider": provider}
        gone = await self._database.change(superseding.DISCARD, values)
        return bool(gone or await self._database.change(statements.DISCARD, values))

    async def _settled_rows(self, statement: TextClause, values: dict[str, Any]) -> Sequence[Row[Any]]:
        """Return the rows of a read that sees the settlements before it."""
        await self._settler.settled()
        return await self._database.rows(statement, values)

    async def _drop_superseded(self, seconds: float) -> int:
        rows = await self._database.rows(superseding.PRUNABLE, {"seconds": seconds, "limit": _PRUNED_AT_ONCE})
        if rows:
            async with self._database.transaction() as connection:
                await connection.execute(statements.LOCK_ALONE)
                await connection.execute(superseding.DROP, {"seqs": [row.seq for row in rows]})
        return len(rows)

    async def _drop(self, seqs: list[int], *, deleted: bool, traces: bool = False) -> int:
        """Drop those of these entries that have no delivery, under the lock that keeps others from adding one."""
        if not seqs:
            return 0
        async with self._database.transaction() as connection:
            await connection.execute(statements.LOCK_ALONE)
            values = {"seqs": seqs, "deleted": deleted, "traces": traces}
            return int(await connection.scalar(statements.DROP, values) or 0)


def _entry(row: Row[Any]) -> JournalEntry:
    return to_entry(row, row.pending)
