"""The journal in PostgreSQL."""

from collections.abc import Sequence
from datetime import UTC, datetime

from providers.errors import Rejected
from providers.journal.base import MAX_LEASED, Journal, check_count
from providers.journal.operations import (
    Appended,
    Backlog,
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
from providers.journal.postgres import statements
from providers.journal.postgres.appending import AppendCall, Appender
from providers.journal.postgres.database import JournalDatabase
from providers.journal.postgres.member_table import MemberTable
from providers.journal.postgres.notifier import Notifier
from providers.journal.postgres.settling import Settler
from providers.journal.rows import to_delivery, to_entry, to_value
from providers.types import Owner

_PRUNED_AT_ONCE = 1_000  # entries checked in one step; appends wait while they are dropped
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class PostgresJournal(Journal):
    """A journal that many hosts share; its clock is the server's.

    A read sees every earlier settlement of this process that can be written within `patience` seconds.
    """

    def __init__(self, database: JournalDatabase, notifier: Notifier, patience: float) -> None:
        self._database = database
        self._notifier = notifier
        self._appender = Appender(database)
        self._settler = Settler(database, notifier, patience)
        self._member_table = MemberTable(database)

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
        await self._settler.settled()
        values = {"user_id": owner.user, "provider": provider, "limit": limit, "tombstones": tombstones}
        async with self._database.reading() as connection:
            rows = await connection.execute(statements.ENTRIES, values)
            return [to_entry(row, row.pending) for row in rows]

    async def deleted(self, owner: Owner, memory_ids: Sequence[str]) -> set[str]:
        """Return those that have a tombstone; see the protocol."""
        values = {"user_id": owner.user, "memory_ids": list(memory_ids)}
        async with self._database.reading() as connection:
            return {row.memory_id for row in await connection.execute(statements.DELETED, values)}

    async def newest(self, owner: Owner, memory_id: str) -> JournalEntry | None:
        """Return what is known of one memory; see the protocol."""
        await self._settler.settled()
        async with self._database.reading() as connection:
            rows = await connection.execute(statements.NEWEST, {"user_id": owner.user, "memory_id": memory_id})
            row = rows.one_or_none()
        return None if row is None else to_entry(row, row.pending)

    async def lease(self, provider: str, limit: int, seconds: float) -> list[Delivery]:
        """Lease deliveries; see the protocol."""
        await self._settler.settled()
        values = {"provider": provider, "limit": min(limit, MAX_LEASED), "seconds": seconds}
        async with self._database.writing() as connection:
            rows = (await connection.execute(statements.LEASE, values)).all()
        if rows:
            self._notifier.notify_after(seconds)
        return sorted(map(to_delivery, rows), key=lambda delivery: delivery.seq)

    async def renew(self, provider: str, leases: Sequence[LeaseToken], seconds: float) -> list[LeaseToken | None]:
        """Extend leases; see the protocol."""
        check_count("leases", len(leases), MAX_LEASED)
        if not leases:
            return []
        values = {
            "providers": [provider] * len(leases),
            "users": [lease.user_id for lease in leases],
            "memories": [lease.memory_id for lease in leases],
            "untils": [lease.until for lease in leases],
            "delays": [seconds] * len(leases),
        }
        async with self._database.writing() as connection:
            rows = (await connection.execute(statements.MOVE, values)).all()
        if rows:
            self._notifier.notify_after(seconds)
        untils = {row.place: row.until for row in rows}
        return [
            LeaseToken(lease.user_id, lease.memory_id, untils[place]) if place in untils else None
            for place, lease in enumerate(leases, 1)
        ]

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Queue the results of deliveries; see the protocol."""
        self._settler.settle(settlements)

    async def wait(self, seconds: float) -> None:
        """Wait for a notification; see the protocol."""
        await self._notifier.wait(seconds)

    async def prune(self, seconds: float) -> int:
        """Drop what every member has confirmed, in batches; see the protocol."""
        await self._settler.settled()
        place: dict[str, object] | None = {"reached": _LONG_AGO, "seq": 0}
        dropped = 0
        while place is not None:
            values = {"seconds": seconds, "limit": _PRUNED_AT_ONCE} | place
            async with self._database.reading() as connection:
                rows = (await connection.execute(statements.PRUNABLE, values)).all()
            dropped += await self._drop([row.seq for row in rows if row.confirmed], deleted=False)
            full = len(rows) == _PRUNED_AT_ONCE
            place = {"reached": rows[-1].appended_at, "seq": rows[-1].seq} if full else None
        return dropped

    async def tombstones(self, limit: int, seconds: float, *, after: int = 0) -> list[JournalEntry]:
        """Return tombstones that every member has confirmed; see the protocol."""
        await self._settler.settled()
        values = {"limit": limit, "seconds": seconds, "after": after}
        async with self._database.reading() as connection:
            rows = await connection.execute(statements.TOMBSTONES, values)
            return [to_entry(row, row.pending) for row in rows]

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
            backlogs = (await connection.execute(statements.BACKLOGS)).all()
        return JournalStatus(
            operations=counts.operations,
            tombstones=counts.tombstones,
            last_seq=counts.last_seq,
            backlogs=tuple(to_value(Backlog, row) for row in backlogs),
        )

    async def newest_version(self) -> int:
        """Return the greatest version; see the protocol."""
        async with self._database.reading() as connection:
            return int(await connection.scalar(statements.NEWEST_VERSION) or 0)

    async def pending(self, limit: int, *, provider: str | None = None, after: int = 0) -> list[PendingDelivery]:
        """Return the outstanding deliveries; see the protocol."""
        await self._settler.settled()
        values = {"limit": limit, "provider": provider, "after": after}
        async with self._database.reading() as connection:
            rows = await connection.execute(statements.PENDING, values)
            return [to_value(PendingDelivery, row) for row in rows]

    async def dead(self, limit: int, *, after: int = 0) -> list[DeadLetter]:
        """Return dead letters; see the protocol."""
        await self._settler.settled()
        async with self._database.reading() as connection:
            rows = await connection.execute(statements.DEAD, {"limit": limit, "after": after})
            return [to_value(DeadLetter, row) for row in rows]

    async def retry(self, seq: int, provider: str) -> bool:
        """Make a dead letter due; see the protocol."""
        await self._settler.settled()
        async with self._database.writing() as connection:
            found = await connection.scalar(statements.RETRY, {"seq": seq, "provider": provider}) is not None
        if found:
            self._notifier.notify()
        return found

    async def discard(self, seq: int, provider: str) -> bool:
        """Drop a dead letter; see the protocol."""
        await self._settler.settled()
        async with self._database.writing() as connection:
            return await connection.scalar(statements.DISCARD, {"seq": seq, "provider": provider}) is not None

    async def join(self, name: str, identity: str | None) -> Member:
        """Find or add a member; see the protocol."""
        member = await self._member_table.join(name, identity)
        self._notifier.notify()
        return member

    async def members(self) -> list[Member]:
        """Return all members; see the protocol."""
        return await self._member_table.members()

    async def note_fill(self, name: str, *, after: str | None, copied: int, copied_users: int) -> None:
        """Record the progress of a backfill; see the protocol."""
        await self._member_table.note_fill(name, after, copied, copied_users)

    async def mark(self, name: str, state: MemberState) -> None:
        """Set the state of a member; see the protocol."""
        await self._member_table.mark(name, state)

    async def leave(self, name: str) -> bool:
        """Remove a member; see the protocol."""
        return await self._member_table.leave(name)

    async def claim(self, task: str, holder: str, seconds: float) -> bool:
        """Acquire or keep a task; see the protocol."""
        return await self._member_table.claim(task, holder, seconds)

    async def _drop(self, seqs: list[int], *, deleted: bool, traces: bool = False) -> int:
        """Drop those of these entries that have no delivery, under the lock that keeps others from adding one."""
        if not seqs:
            return 0
        async with self._database.transaction() as connection:
            await connection.execute(statements.LOCK_ALONE)
            values = {"seqs": seqs, "deleted": deleted, "traces": traces}
            return int(await connection.scalar(statements.DROP, values) or 0)
