"""The native provider as a replica: whole states are put in few statements, and read in pages."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from msgspec import Struct

from providers.acquaintance import Acquaintance
from providers.changes import ChangeCursor, Changes
from providers.errors import MemoryDeleted, OwnerErased, ProviderError
from providers.holdings import Holdings, OwnerHoldings
from providers.introduction import Introduction, StoreMark
from providers.limits import check_memory_id, check_owner
from providers.native import replication_sql
from providers.native.changes import changes_since
from providers.native.columns import WRITTEN, insert_values, snapshot_of
from providers.native.database import Database
from providers.native.distribution.hashing import bucket_of
from providers.native.embedding_queue import EmbeddingQueue
from providers.native.introducing import StoreTable
from providers.native.rows import Key, MemoryRow, key_of
from providers.native.statements import TOUCH
from providers.native.vectors import Vectors
from providers.native.versioned import VersionedReplica, checked
from providers.native.wall import tenants_of, values_of
from providers.owners import Owner
from providers.replica import MAX_OWNERS, MAX_SNAPSHOTS
from providers.replica_limits import (
    check_heads,
    check_mark,
    check_owners_page,
    check_snapshot,
    check_snapshots,
    check_snapshots_page,
)
from providers.retention import NO_HISTORY, Retention, is_superseded
from providers.states.clock import HybridClock
from providers.states.merging import merged, winner
from providers.summaries import OwnerSummary
from providers.timing.turns import in_turns
from providers.touches import Touch, check_touches
from providers.types import Snapshot

Item = TypeVar("Item", bound=Struct)


class NativeReplica(VersionedReplica):
    """The methods of a native provider about whole states."""

    def __init__(
        self,
        database: Database,
        vectors: Vectors,
        queue: EmbeddingQueue | None,
        clock: HybridClock,
        retention: Retention = NO_HISTORY,
    ) -> None:
        super().__init__(database, clock, retention)
        self._vectors = vectors
        self._queue = queue
        self._table = StoreTable(database)
        self._acquaintance = Acquaintance(queue.begin_anew if queue is not None else lambda: None)

    @property
    def has_shards(self) -> bool:
        """See `Replica`; this is known once the database has answered."""
        return self._database.distributed

    def shard_of(self, owner: Owner) -> int:
        """See `Replica`: ranges of hashes, which one shard of Citus or another has."""
        return bucket_of(owner.key)

    async def put_many(self, snapshots: Sequence[Snapshot]) -> list[ProviderError | None]:
        """Bring memories to states as if one after the other; see `Replica`."""
        check_snapshots(snapshots)
        canonical = await in_turns(partial(checked, check_snapshot), snapshots)
        wanted: dict[Key, Snapshot] = {}
        answers: list[ProviderError | None] = []
        for state in canonical:
            if isinstance(state, ProviderError):
                answers.append(state)
                continue
            self._clock.meet(state.version)
            before = wanted.get(key_of(state))
            wanted[key_of(state)] = state if before is None else merged(before, state)
            refused = before is not None and before.deleted and not state.deleted
            answers.append(MemoryDeleted(state.id) if refused else None)
        given = [state for state in canonical if isinstance(state, Snapshot)]
        met = await self._bring_about(wanted, given) if wanted else {}
        return [
            answer if isinstance(state, ProviderError) else _refusal(state, met) or answer
            for state, answer in zip(canonical, answers, strict=True)
        ]

    async def snapshot(self, owner: Owner, memory_id: str) -> Snapshot | None:
        """Return one memory or its tombstone; see `Replica`."""
        check_owner(owner)
        values = values_of(owner) | {"id": check_memory_id(memory_id)}
        rows = await self._database.rows(replication_sql.ONE_STATE, values)
        return snapshot_of(rows[0]) if rows else None

    async def heads(self, owner: Owner, memory_ids: Sequence[str]) -> dict[str, Snapshot]:
        """Return memories and tombstones without their contents, in one statement; see `Replica`."""
        ids = check_heads(owner, memory_ids)
        found = await self._heads([(owner.key, memory_id) for memory_id in ids]) if ids else {}
        return {state.id: state for state in found.values()}

    async def snapshots(self, owner: Owner, limit: int = MAX_SNAPSHOTS, *, after: str | None = None) -> list[Snapshot]:
        """Return an owner's memories and tombstones by ascending id; see `Replica`."""
        after = check_snapshots_page(owner, limit, after)
        values, statement = values_of(owner) | {"limit": limit}, replication_sql.STATES
        if after is not None:
            values, statement = values | {"after": after}, replication_sql.STATES_AFTER
        return await in_turns(snapshot_of, await self._database.rows(statement, values))

    async def owners(self, limit: int = MAX_OWNERS, *, after: Owner | None = None) -> list[Owner]:
        """Return the owners by code point; see `Replica`."""
        check_owners_page(limit, after)
        values = {"limit": limit, "after": "" if after is None else after.key}
        return [Owner.of_key(row.user_id) for row in await self._database.rows(replication_sql.OWNERS, values)]

    async def summaries(self, limit: int = MAX_OWNERS, *, after: Owner | None = None) -> list[OwnerSummary]:
        """Return the summaries of the next owners, all in one statement; see `Replica`."""
        check_owners_page(limit, after)
        values = {"limit": limit, "after": "" if after is None else after.key, "oldest": self.versions.oldest}
        rows = await self._database.rows(replication_sql.SUMMARIES, values)
        return [
            OwnerSummary(
                owner=Owner.of_key(row.user_id),
                live=row.live,
                deleted=row.deleted,
                digest=row.digest,
                history=row.history,
            )
            for row in rows
        ]

    async def holdings(self, limit: int = MAX_OWNERS, *, after: Owner | None = None) -> list[OwnerHoldings]:
        """Return what the next owners hold, all in one statement; see `Replica`."""
        check_owners_page(limit, after)
        values = {"limit": limit, "after": "" if after is None else after.key}
        rows = await self._database.rows(replication_sql.HOLDINGS, values)
        return [OwnerHoldings(Owner.of_key(row.user_id), Holdings(row.memories, row.bytes)) for row in rows]

    async def holdings_of(self, owner: Owner) -> Holdings:
        """Return what one owner holds, in one statement; see `Replica`."""
        check_owner(owner)
        [row] = await self._database.rows(replication_sql.HOLDINGS_OF, values_of(owner))
        return Holdings(row.memories, row.bytes)

    async def moment(self) -> datetime:
        """Return what the server's clock says; see `Replica`."""
        [row] = await self._database.rows(replication_sql.MOMENT)
        moment: datetime = row.moment
        return moment

    async def expired(self, before: datetime, limit: int, *, after: Snapshot | None = None) -> list[Snapshot]:
        """Return what had expired, the earliest first; see `Replica`."""
        values: dict[str, Any] = {"before": before, "limit": limit}
        statement = replication_sql.EXPIRED
        if after is not None:
            place = {"after": after.expires_at, "user_id": after.user_id, "id": after.id}
            values, statement = values | place, replication_sql.EXPIRED_AFTER
        return await in_turns(snapshot_of, await self._database.rows(statement, values))

    async def touch(self, touches: Sequence[Touch]) -> None:
        """Note touches in one statement; see `MemoryStore`."""
        moments: dict[Key, datetime] = {}
        for one in check_touches(touches):
            key = one.owner.key, one.memory_id
            moments[key] = max(one.moment, moments.get(key, one.moment))
        await self._touch(moments)

    async def identity(self) -> str:
        """Return the name that the database got with its schema; see `introduce`."""
        return (await self.introduce()).identity

    async def changes_since(self, owner: Owner, cursor: ChangeCursor | None) -> Changes | None:
        """Return what changed, in one statement; see `Replica`."""
        check_owner(owner)
        return await changes_since(self._database, owner, cursor)

    async def introduce(self) -> Introduction:
        """Return what the database and its server tell; see `Replica`.

        Raises:
            Misconfigured: the name of the database was deleted.
        """
        introduction = await self._table.introduction()
        self._acquaintance.meet(introduction)
        return introduction

    async def leave_mark(self, mark: StoreMark, former: StoreMark | None) -> bool:
        """Leave a mark in one statement, of which only one at a time succeeds; see `Replica`."""
        left = await self._table.leave_mark(check_mark(mark), former)
        if left:
            self._acquaintance.marked(mark)
        return left

    async def _bring_about(self, wanted: Mapping[Key, Snapshot], given: Sequence[Snapshot]) -> dict[Key, int | None]:
        """Bring the table to these states, made of those given; return those that met a tombstone or a fence."""
        # A state that loses to the stored one always will, so it needs neither a vector nor the second statement. A
        # single edit nearly always wins, and is put at once; only of a first write the statement alone cannot tell.
        alone = len(wanted) == 1 and all(state.edited for state in wanted.values())
        heads = {} if alone else await self._heads(wanted)
        after = {key: winner(heads[key], state) if key in heads else state for key, state in wanted.items()}
        changes = [state for key, state in after.items() if state is not heads.get(key)]
        met, late = await self._put(changes) if changes else (dict[Key, int | None](), dict[Key, Snapshot]())
        await self._touch({key: one.touched_at for key, one in wanted.items() if one.touched_at is not None}, put=True)
        if self.keeps_history:  # what the table has never shown was not replaced there
            now = after | late
            unfenced = [state for state in given if met.get(key_of(state)) is None]
            lost = [state for state in unfenced if is_superseded(state, now[key_of(state)])]
            met |= dict.fromkeys(await self.versions.put(lost)) if lost else {}
        return _tombstones(heads) | met

    async def _touch(self, moments: Mapping[Key, datetime], *, put: bool = False) -> None:
        """Raise when memories were touched last; those of a `put` that have no expiry that slides as well."""
        if not moments:
            return
        keys = sorted(moments)
        user_ids, ids = zip(*keys, strict=True)
        values = {
            "user_ids": list(user_ids),
            "ids": list(map(UUID, ids)),
            "moments": [moments[key] for key in keys],
            "tenants": tenants_of(user_ids),
            "put": put,
        }
        await self._database.change(TOUCH, values)

    async def _put(self, changes: Sequence[Snapshot]) -> tuple[dict[Key, int | None], dict[Key, Snapshot]]:
        """Put states that were newer a moment ago; return those that met a tombstone or a fence, by its version.

        With them come the states that were newer then.
        """
        rows = await self._rows_of(changes)
        parts = [values | self.versions.kept_versions for values in await insert_values(rows, WRITTEN)]
        put = await self._database.write_parts(replication_sql.PUT_STATES, parts)
        deleted = {(row.user_id, str(row.id)): bool(row.deleted) for row in put}
        living = [row for row in rows if not row.state.deleted]
        if self._queue is not None:
            self._queue.report(sum(row.embedding.vector is None and deleted.get(row.key) is False for row in living))
        overtaken = {row.key: row.state for row in rows if row.key not in deleted}
        late = await self._heads(overtaken, after_write=True) if overtaken else {}
        # No row, and none to be put; or one that counts less, and is about to be removed.
        fenced = [one for one, state in overtaken.items() if one not in late or _counts_less(late[one], state)]
        erased = await self._erasing.erased({user for user, _ in fenced}) if fenced else {}
        met = {row.key: None for row in living if deleted.get(row.key)}
        return _tombstones(late) | met | {key: erased[key[0]] for key in fenced}, late

    async def _rows_of(self, states: Sequence[Snapshot]) -> list[MemoryRow]:
        """Return the rows of states, those of the living with vectors."""
        contents = {key_of(state): state.content for state in states if state.content is not None}
        embeddings = dict(zip(contents, await self._vectors.of_memories(list(contents.values())), strict=True))
        now = self._clock.moment()
        return [
            MemoryRow(state=state, deleted_at=now)
            if state.deleted
            else MemoryRow(state=state, embedding=embeddings[key_of(state)])
            for state in states
        ]

    async def _heads(self, keys: Iterable[Key], *, after_write: bool = False) -> dict[Key, Snapshot]:
        """Return what is stored under keys, without the texts."""
        user_ids, ids = zip(*keys, strict=True)
        values = {"user_ids": list(user_ids), "ids": list(map(UUID, ids)), "tenants": tenants_of(user_ids)}
        rows = await self._database.rows(replication_sql.HEADS, values, after_write=after_write)
        return {key_of(head): head for head in await in_turns(snapshot_of, rows)}


def _counts_less(stored: Snapshot, state: Snapshot) -> bool:
    return winner(stored, state) is not stored


def _tombstones(heads: Mapping[Key, Snapshot]) -> dict[Key, int | None]:
    return {key: None for key, head in heads.items() if head.deleted}


def _refusal(state: Snapshot, refused: Mapping[Key, int | None]) -> ProviderError | None:
    """Return why a state was not put, None if it was."""
    key = key_of(state)
    if key not in refused:
        return None
    version = refused[key]
    if version is not None:
        return OwnerErased(version)
    return None if state.deleted else MemoryDeleted(state.id)
