"""The members of a journal in PostgreSQL, and claims on tasks that only one holder may run."""

from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from providers.journal.base import RESERVED_MARKS, Journal
from providers.journal.operations import Member, MemberState
from providers.journal.postgres import superseding
from providers.journal.postgres.database import JournalDatabase
from providers.journal.postgres.notifier import Notifier
from providers.journal.postgres.statements import LOCK_ALONE
from providers.journal.rows import to_value

_DROPPED_AT_ONCE = 5_000  # deliveries in one transaction, to stay within the time limit

_DELIVERED_AT_ONCE = 2_000

_TOMBSTONES_FIRST = 0.5  # seconds by which all others are delivered later after a restart

_MEMBER = (
    "name, identity, state, CAST(extract(epoch FROM joined_at) AS float8), copied, copied_users, fill_after, epoch,"
    " noted, coalesce(CAST(extract(epoch FROM noted_at) AS float8), 0), reserved, lineage, restored, behind,"
    " keeps_history, ours"
)
_FROM_THE_START = "copied = 0, copied_users = 0, fill_after = NULL"

_STILL_OURS = "ours OR state = 'complete' OR restored"

_MEMBERS = text(f"SELECT {_MEMBER} FROM ninai_journal_members ORDER BY place")  # noqa: S608 - joined from constants
_ONE = text(f"SELECT {_MEMBER} FROM ninai_journal_members WHERE name = :name")  # noqa: S608 - joined from constants
_COUNT = text("UPDATE ninai_journal SET joined = joined + 1 RETURNING joined")
_ADD = text(
    "INSERT INTO ninai_journal_members (name, place, identity, state, ours)"
    " VALUES (:name, :place, :identity, :state, :ours)"
)
_NAME_STORE = text("UPDATE ninai_journal_members SET identity = :identity, ours = :ours WHERE name = :name")
_RESTART = text(f"""
    UPDATE ninai_journal_members SET
        ours = CASE identity WHEN CAST(:identity AS text) THEN {_STILL_OURS} ELSE :ours END,
        identity = CAST(:identity AS text), epoch = greatest(epoch, :above) + 1, noted = 0,
        lineage = NULL, restored = :restored, behind = :behind, state = :state, {_FROM_THE_START}
    WHERE name = :name AND epoch = :epoch
""")  # noqa: S608 - joined from constants
_RESERVE = text("UPDATE ninai_journal_members SET reserved = greatest(reserved, :number) WHERE name = :name")
_NOTE = text(f"""
    UPDATE ninai_journal_members SET noted = :number, noted_at = clock_timestamp(), lineage = :lineage,
        reserved = greatest(reserved, CAST(:number AS bigint) + {RESERVED_MARKS})
    WHERE name = :name AND epoch = :epoch AND noted < :number
""")  # noqa: S608 - a constant
_NOTED = text("SELECT 1 FROM ninai_journal_members WHERE name = :name AND epoch = :epoch AND noted = :number")
_INSTALLATION = text("SELECT installation FROM ninai_journal")
_PATROLLED = text("SELECT patrolled FROM ninai_journal")
_QUARANTINES = text("SELECT quarantines FROM ninai_journal")
_NOTE_QUARANTINES = text(
    "UPDATE ninai_journal SET quarantines = :text WHERE quarantines IS NOT DISTINCT FROM CAST(:former AS text)"
)
_NOTE_PATROL = text("UPDATE ninai_journal SET patrolled = :reached")
_PROPOSE = text("UPDATE ninai_journal SET installation = :proposed WHERE installation IS NULL")
_FOUNDED = text("SELECT joined > 0 FROM ninai_journal")
_NOTE_FILL = text("""
    UPDATE ninai_journal_members SET fill_after = :after, copied = :copied, copied_users = :copied_users
    WHERE name = :name
""")
_OF_EPOCH = "name = :name AND epoch = coalesce(CAST(:epoch AS bigint), epoch)"
_COMPLETE = text(
    f"UPDATE ninai_journal_members SET ours = {_STILL_OURS}, state = 'complete', restored = false, behind = NULL"  # noqa: S608 - joined from constants
    f" WHERE {_OF_EPOCH}"
)
_FILL = text(f"""
    UPDATE ninai_journal_members SET ours = {_STILL_OURS}, state = 'filling', restored = false, {_FROM_THE_START}
    WHERE {_OF_EPOCH}
""")  # noqa: S608 - joined from constants
_REMOVE = text("DELETE FROM ninai_journal_members WHERE name = :name")
_LAST = text("SELECT last_value FROM ninai_journal_seq")
_DROP = text("""
    DELETE FROM ninai_journal_deliveries WHERE (provider, seq) IN (
        SELECT provider, seq FROM ninai_journal_deliveries WHERE provider = :name AND seq <= :last
        ORDER BY seq LIMIT CAST(:limit AS int) FOR UPDATE
    )
""")
_DELIVER = text("""
    INSERT INTO ninai_journal_deliveries AS d (provider, seq, user_id, since, due_at)
    SELECT :name, seq, user_id, clock_timestamp(),
        clock_timestamp() + make_interval(secs => CASE kind WHEN 'delete' THEN 0 ELSE CAST(:later AS float8) END)
    FROM (
        SELECT seq, user_id, kind FROM ninai_journal_entries WHERE seq > :after AND NOT trace
        UNION ALL
        SELECT s.seq, s.user_id, s.kind FROM ninai_journal_superseded AS s WHERE s.seq > :after AND EXISTS (
            SELECT 1 FROM ninai_journal_members AS m WHERE m.name = :name AND m.keeps_history
        )
    ) AS known ORDER BY seq LIMIT CAST(:limit AS int)
    ON CONFLICT (provider, seq) DO UPDATE SET due_at = excluded.due_at, failures = 0, dead = false, error = ''
    RETURNING seq
""")
_CLAIM = text("""
    INSERT INTO ninai_journal_claims AS c (task, holder, ends_at)
    VALUES (:task, :holder, clock_timestamp() + make_interval(secs => CAST(:seconds AS float8)))
    ON CONFLICT (task) DO UPDATE SET holder = excluded.holder, ends_at = excluded.ends_at
    WHERE c.holder = excluded.holder OR c.ends_at <= clock_timestamp()
""")
_DROP_ENDED_CLAIMS = text("DELETE FROM ninai_journal_claims WHERE ends_at <= clock_timestamp()")


class PostgresMembers(Journal):
    """The methods of a journal about its members, which receive every write.

    Their table is changed under a lock that every append shares, so that each operation has a delivery to exactly the
    members at the moment of its commit.
    """

    def __init__(self, database: JournalDatabase, notifier: Notifier) -> None:
        self._database = database
        self._notifier = notifier

    async def installation(self, proposed: str | None = None) -> str | None:
        """Return the installation that the journal belongs to; see the protocol."""
        [[noted]] = await self._database.rows(_INSTALLATION)
        if noted is None and proposed is not None:
            await self._database.change(_PROPOSE, {"proposed": proposed})
            [[noted]] = await self._database.rows(_INSTALLATION)
        return None if noted is None else str(noted)

    async def patrolled(self) -> str | None:
        """Return how far the comparison of the stores is; see the protocol."""
        [[reached]] = await self._database.rows(_PATROLLED)
        return None if reached is None else str(reached)

    async def note_patrol(self, reached: str | None) -> None:
        """Note how far the comparison of the stores is; see the protocol."""
        await self._database.change(_NOTE_PATROL, {"reached": reached})

    async def quarantines(self) -> str | None:
        """Return the quarantines that were noted last; see the protocol."""
        [[noted]] = await self._database.rows(_QUARANTINES)
        return None if noted is None else str(noted)

    async def note_quarantines(self, text: str, former: str | None) -> bool:
        """Note quarantines in the place of others; see the protocol."""
        return await self._database.change(_NOTE_QUARANTINES, {"text": text, "former": former}) > 0

    async def founded(self) -> bool:
        """Return whether there was ever a member; see the protocol."""
        [[founded]] = await self._database.rows(_FOUNDED)
        return bool(founded)

    async def join(
        self, name: str, identity: str | None, state: MemberState | None = None, *, ours: bool = False
    ) -> Member:
        """Find or add a member; see the protocol."""
        member = await self._joined(name, identity, state, ours=ours)
        self._notifier.notify()
        return member

    async def restart(
        self,
        name: str,
        *,
        epoch: int,
        identity: str,
        restored: bool = False,
        behind: float | None = None,
        above: int = 0,
        state: MemberState = MemberState.FILLING,
        ours: bool = False,
    ) -> Member | None:
        """Begin a new epoch of a member; see the protocol."""
        async with self._database.transaction() as connection:
            await connection.execute(LOCK_ALONE)
            values = {"name": name, "epoch": epoch, "identity": identity, "restored": restored, "behind": behind}
            values |= {"above": above, "state": state.value, "ours": ours}
            changed = (await connection.execute(_RESTART, values)).rowcount > 0
            member = await _member(connection, name)
        if changed:
            # If this is interrupted, the store lacks nothing that its backfill does not bring.
            await self._deliver_known(name, _TOMBSTONES_FIRST)
            self._notifier.notify_after(_TOMBSTONES_FIRST)
            self._notifier.notify()
        return member

    async def reserve(self, name: str, number: int) -> None:
        """Reserve marks; see the protocol."""
        await self._database.change(_RESERVE, {"name": name, "number": number})

    async def note(self, name: str, *, epoch: int, number: int, lineage: str | None) -> bool:
        """Note the mark of a store; see the protocol."""
        mark = {"name": name, "epoch": epoch, "number": number}
        if await self._database.change(_NOTE, mark | {"lineage": lineage}):
            return True
        return not await self._database.rows(_NOTED, mark)

    async def members(self) -> list[Member]:
        """Return all members; see the protocol."""
        return [to_value(Member, row) for row in await self._database.rows(_MEMBERS)]

    async def note_fill(self, name: str, *, after: str | None, copied: int, copied_users: int) -> None:
        """Record the progress of a backfill; see the protocol."""
        values = {"name": name, "after": after, "copied": copied, "copied_users": copied_users}
        await self._database.change(_NOTE_FILL, values)

    async def mark(self, name: str, state: MemberState, *, epoch: int | None = None) -> None:
        """Set the state of a member; see the protocol."""
        statement = _COMPLETE if state is MemberState.COMPLETE else _FILL
        await self._database.change(statement, {"name": name, "epoch": epoch})

    async def leave(self, name: str) -> bool:
        """Remove a member; see the protocol."""
        # If the removal is interrupted, it leaves a member that needs a backfill.
        if not await self._database.change(_FILL, {"name": name, "epoch": None}):
            return False
        [[last]] = await self._database.rows(_LAST)
        await self._drop_deliveries(name, last)
        async with self._database.transaction() as connection:
            await connection.execute(LOCK_ALONE)
            gone = (await connection.execute(_REMOVE, {"name": name})).rowcount > 0
            if gone:
                last = await connection.scalar(_LAST)
                await connection.execute(_DROP, {"name": name, "last": last, "limit": None})
        return gone

    async def claim(self, task: str, holder: str, seconds: float) -> bool:
        """Acquire or keep a task; see the protocol."""
        values = {"task": task, "holder": holder, "seconds": seconds}
        return await self._database.change(_CLAIM, values) > 0

    async def _drop_ended_claims(self) -> None:
        await self._database.change(_DROP_ENDED_CLAIMS, {})

    async def note_history(self, name: str, *, keeps: bool) -> None:
        """Note whether a member keeps history; see the protocol."""
        known = next((member for member in await self.members() if member.name == name), None)
        if known is None or known.keeps_history == keeps:
            return
        # What was superseded before; if this is interrupted, it is repeated, since nothing is noted yet.
        known_to = await self._in_batches(superseding.DELIVER, {"name": name}) if keeps else 0
        async with self._database.transaction() as connection:
            await connection.execute(LOCK_ALONE)
            await connection.execute(superseding.NOTE, {"name": name, "keeps": keeps})
            if keeps:
                # And since then; from here on every append includes this member.
                await connection.execute(superseding.DELIVER, {"name": name, "after": known_to, "limit": None})
            else:
                await connection.execute(superseding.DROP_DELIVERIES, {"name": name})
        self._notifier.notify()

    async def _joined(self, name: str, identity: str | None, state: MemberState | None, *, ours: bool) -> Member:
        async with self._database.reading() as connection:
            member = await _member(connection, name)
        if member is not None and (identity is None or member.identity is not None):
            return member
        known_to = await self._deliver_known(name) if member is None else 0
        async with self._database.transaction() as connection:
            await connection.execute(LOCK_ALONE)
            member = await _member(connection, name)
            if member is None:
                # The entries since then; from here on every append includes this member.
                await connection.execute(_DELIVER, {"name": name, "after": known_to, "limit": None, "later": 0.0})
                place = await connection.scalar(_COUNT)
                first = MemberState.COMPLETE if place == 1 else MemberState.FILLING
                values = {"name": name, "place": place, "identity": identity, "state": (state or first).value}
                await connection.execute(_ADD, values | {"ours": ours})
            elif member.identity is None:
                await connection.execute(_NAME_STORE, {"name": name, "identity": identity, "ours": ours})
            joined = await _member(connection, name)
        if joined is None:
            raise RuntimeError("a member has gone in the middle of a transaction")
        return joined

    async def _deliver_known(self, name: str, later: float = 0.0) -> int:
        """Insert a delivery of every entry for a member, in batches, and return the last `seq` included.

        Tombstones are due now, all others `later` by so many seconds.

        If this is interrupted, some deliveries stay for a provider that is no member until it does join.
        """
        return await self._in_batches(_DELIVER, {"name": name, "later": later})

    async def _in_batches(self, deliver: TextClause, values: dict[str, Any]) -> int:
        after, full = 0, True
        while full:
            async with self._database.transaction() as connection:
                await connection.execute(LOCK_ALONE)  # so that no entry is replaced meanwhile
                batch = {"after": after, "limit": _DELIVERED_AT_ONCE} | values
                seqs = [row.seq for row in await connection.execute(deliver, batch)]
            after, full = max(seqs, default=after), len(seqs) == _DELIVERED_AT_ONCE
        return after

    async def _drop_deliveries(self, name: str, last: int) -> None:
        values = {"name": name, "last": last, "limit": _DROPPED_AT_ONCE}
        while await self._database.change(_DROP, values) == _DROPPED_AT_ONCE:
            pass


async def _member(connection: AsyncConnection, name: str) -> Member | None:
    row = (await connection.execute(_ONE, {"name": name})).one_or_none()
    return None if row is None else to_value(Member, row)
