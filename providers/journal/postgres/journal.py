"""The journal in PostgreSQL."""

from collections.abc import Sequence
from datetime import UTC, datetime

from providers.errors import Rejected
from providers.journal.base import MAX_LEASED, Journal
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
from providers.journal.postgres import statements
from providers.journal.postgres.appending import Appender, Call
from providers.journal.postgres.bell import Bell
from providers.journal.postgres.database import JournalDatabase
from providers.journal.postgres.membership import Membership
from providers.journal.postgres.rows import to_backlog, to_dead_letter, to_delivery, to_entry, to_pending
from providers.journal.postgres.settling import Settler

_PRUNED_AT_ONCE = 1_000  # entries looked at in one step; appending waits while they go
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class PostgresJournal(Journal):
    """A journal that many hosts share; its clock is the server's.

    What was settled here is seen by whatever is asked here afterwards, if it can be written within `patience` seconds.
    """

    def __init__(self, database: JournalDatabase, bell: Bell, patience: float) -> None:
        self._database = database
        self._bell = bell
        self._appender = Appender(database)
        self._settler = Settler(database, bell, patience)
        self._membership = Membership(database)

    @property
    def id(self) -> str:
        """The name given to the tables when they were made; unknown until the database was reached for once."""
        return self._database.id

    async def close(self) -> None:
        """Wait for what is under way, and write what is queued; to be called before the database goes."""
        await self._appender.close()
        await self._settler.close()

    async def append(
        self, operations: Sequence[Operation], *, held: str | None = None, seconds: float = 0.0
    ) -> list[Appended | Rejected]:
        """Make operations durable; see the protocol."""
        answers = await self._appender.append(Call(operations, held, seconds))
        appended = [answer for answer in answers if isinstance(answer, Appended) and not answer.repeated]
        if any(answer.entry.pending - {held} for answer in appended):
            self._bell.ring()
        if any(held in answer.entry.pending for answer in appended):
            self._bell.ring_after(seconds)
        return answers

    async def entries(self, user_id: str, provider: str, limit: int, tombstones: int) -> list[Entry]:
        """Give what is pending and what is deleted; see the protocol."""
        await self._settler.settled()
        values = {"user_id": user_id, "provider": provider, "limit": limit, "tombstones": tombstones}
        async with self._database.reading() as connection:
            return [to_entry(row) for row in await connection.execute(statements.ENTRIES, values)]

    async def deleted(self, user_id: str, memory_ids: Sequence[str]) -> set[str]:
        """Give those that are deleted; see the protocol."""
        values = {"user_id": user_id, "memory_ids": list(memory_ids)}
        async with self._database.reading() as connection:
            return {row.memory_id for row in await connection.execute(statements.DELETED, values)}

    async def newest(self, user_id: str, memory_id: str) -> Entry | None:
        """Give what is known of one memory; see the protocol."""
        await self._settler.settled()
        async with self._database.reading() as connection:
            rows = await connection.execute(statements.NEWEST, {"user_id": user_id, "memory_id": memory_id})
            row = rows.one_or_none()
        return None if row is None else to_entry(row)

    async def lease(self, provider: str, limit: int, seconds: float) -> list[Delivery]:
        """Lend deliveries; see the protocol."""
        await self._settler.settled()
        values = {"provider": provider, "limit": min(limit, MAX_LEASED), "seconds": seconds}
        async with self._database.writing() as connection:
            rows = (await connection.execute(statements.LEASE, values)).all()
        if rows:
            self._bell.ring_after(seconds)
        return sorted(map(to_delivery, rows), key=lambda delivery: delivery.seq)

    async def renew(self, provider: str, loans: Sequence[Loan], seconds: float) -> list[Loan | None]:
        """Keep what is lent; see the protocol."""
        if len(loans) > MAX_LEASED:
            raise ValueError(f"at most {MAX_LEASED} loans at once, got {len(loans)}")
        if not loans:
            return []
        values = {
            "providers": [provider] * len(loans),
            "users": [loan.user_id for loan in loans],
            "memories": [loan.memory_id for loan in loans],
            "untils": [loan.until for loan in loans],
            "delays": [seconds] * len(loans),
        }
        async with self._database.writing() as connection:
            rows = (await connection.execute(statements.MOVE, values)).all()
        if rows:
            self._bell.ring_after(seconds)
        untils = {row.place: row.until for row in rows}
        return [
            Loan(loan.user_id, loan.memory_id, untils[place]) if place in untils else None
            for place, loan in enumerate(loans, 1)
        ]

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Queue what became of deliveries; see the protocol."""
        self._settler.settle(settlements)

    async def wait(self, seconds: float) -> None:
        """Wait for the bell; see the protocol."""
        await self._bell.wait(seconds)

    async def prune(self, seconds: float) -> int:
        """Drop what is confirmed, some thousand at a time; see the protocol."""
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

    async def tombstones(self, limit: int, seconds: float, *, after: int = 0) -> list[Entry]:
        """Give confirmed tombstones; see the protocol."""
        await self._settler.settled()
        values = {"limit": limit, "seconds": seconds, "after": after}
        async with self._database.reading() as connection:
            return [to_entry(row) for row in await connection.execute(statements.TOMBSTONES, values)]

    async def redeliver(self, seq: int, provider: str) -> None:
        """Make a tombstone due again; see the protocol."""
        async with self._database.transaction() as connection:
            await connection.execute(statements.LOCK_SHARED)
            await connection.execute(statements.REDELIVER, {"seq": seq, "provider": provider})
        self._bell.ring()

    async def forget(self, seqs: Sequence[int], *, traces: bool = False) -> None:
        """Drop tombstones; see the protocol."""
        await self._settler.settled()
        await self._drop(list(seqs), deleted=True, traces=traces)

    async def status(self) -> JournalStatus:
        """Count; see the protocol."""
        await self._settler.settled()
        async with self._database.reading() as connection:
            counts = (await connection.execute(statements.STATUS)).one()
            backlogs = (await connection.execute(statements.BACKLOGS)).all()
        return JournalStatus(
            operations=counts.operations,
            tombstones=counts.tombstones,
            last_seq=counts.last_seq,
            backlogs=tuple(map(to_backlog, backlogs)),
        )

    async def newest_version(self) -> int:
        """Look for the greatest version; see the protocol."""
        async with self._database.reading() as connection:
            return int(await connection.scalar(statements.NEWEST_VERSION) or 0)

    async def pending(self, limit: int, *, provider: str | None = None, after: int = 0) -> list[PendingDelivery]:
        """Give what is still to be delivered; see the protocol."""
        await self._settler.settled()
        values = {"limit": limit, "provider": provider, "after": after}
        async with self._database.reading() as connection:
            return [to_pending(row) for row in await connection.execute(statements.PENDING, values)]

    async def dead(self, limit: int, *, after: int = 0) -> list[DeadLetter]:
        """Give dead letters; see the protocol."""
        await self._settler.settled()
        async with self._database.reading() as connection:
            rows = await connection.execute(statements.DEAD, {"limit": limit, "after": after})
            return [to_dead_letter(row) for row in rows]

    async def retry(self, seq: int, provider: str) -> bool:
        """Make a dead letter due; see the protocol."""
        await self._settler.settled()
        async with self._database.writing() as connection:
            found = await connection.scalar(statements.RETRY, {"seq": seq, "provider": provider}) is not None
        if found:
            self._bell.ring()
        return found

    async def discard(self, seq: int, provider: str) -> bool:
        """Drop a dead letter; see the protocol."""
        await self._settler.settled()
        async with self._database.writing() as connection:
            return await connection.scalar(statements.DISCARD, {"seq": seq, "provider": provider}) is not None

    async def join(self, name: str, identity: str | None) -> Member:
        """Make a provider a member, or find it one; see the protocol."""
        member = await self._membership.join(name, identity)
        self._bell.ring()
        return member

    async def members(self) -> list[Member]:
        """Give all members; see the protocol."""
        return await self._membership.members()

    async def note_fill(self, name: str, *, after: str | None, copied: int, copied_users: int) -> None:
        """Take note of a filling; see the protocol."""
        await self._membership.note_fill(name, after, copied, copied_users)

    async def mark(self, name: str, state: MemberState) -> None:
        """Say whether a member has received everything; see the protocol."""
        await self._membership.mark(name, state)

    async def leave(self, name: str) -> bool:
        """End a membership; see the protocol."""
        return await self._membership.leave(name)

    async def claim(self, task: str, holder: str, seconds: float) -> bool:
        """Take or keep a task; see the protocol."""
        return await self._membership.claim(task, holder, seconds)

    async def _drop(self, seqs: list[int], *, deleted: bool, traces: bool = False) -> int:
        """Drop those of these entries that still have no delivery, once nobody can give them one any more."""
        if not seqs:
            return 0
        async with self._database.transaction() as connection:
            await connection.execute(statements.LOCK_ALONE)
            values = {"seqs": seqs, "deleted": deleted, "traces": traces}
            return int(await connection.scalar(statements.DROP, values) or 0)
