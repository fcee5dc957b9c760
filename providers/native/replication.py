"""The native provider as a replica: states put in in few statements, and read out by pages."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from providers.errors import InvalidInput, MemoryDeleted, Misconfigured, ProviderError
from providers.native import replication_sql
from providers.native.backlog import Backlog
from providers.native.database import Database
from providers.native.jsonb import to_jsonb
from providers.native.records import snapshot_of
from providers.native.vectors import NO_VECTOR, Embedded, Vectors
from providers.native.writing import half
from providers.replica_limits import check_snapshot
from providers.states.clock import HybridClock
from providers.states.merging import merged
from providers.types import Snapshot

Key = tuple[str, str]  # user and memory


class Replication:
    """Whole states in and out; arguments are checked before they come here, but for the states."""

    def __init__(self, database: Database, vectors: Vectors, backlog: Backlog | None, clock: HybridClock) -> None:
        self._database = database
        self._vectors = vectors
        self._backlog = backlog
        self._clock = clock

    async def put_many(self, snapshots: Sequence[Snapshot]) -> list[ProviderError | None]:
        """Bring memories to states as if one after the other; see `Replica`."""
        checked = [_checked(snapshot) for snapshot in snapshots]
        wanted: dict[Key, Snapshot] = {}
        answers: list[ProviderError | None] = []
        for state in checked:
            if isinstance(state, InvalidInput):
                answers.append(state)
                continue
            self._clock.meet(state.version)
            before = wanted.get(_key(state))
            wanted[_key(state)] = state if before is None else merged(before, state)
            buried = before is not None and before.deleted and not state.deleted
            answers.append(MemoryDeleted(state.id) if buried else None)
        graves = await self._bring_about(wanted) if wanted else set()
        return [
            MemoryDeleted(state.id)
            if isinstance(state, Snapshot) and not state.deleted and _key(state) in graves
            else answer
            for state, answer in zip(checked, answers, strict=True)
        ]

    async def snapshot(self, user_id: str, memory_id: str) -> Snapshot | None:
        """Give one memory or its tombstone; see `Replica`."""
        async with self._database.reading() as connection:
            rows = await connection.execute(replication_sql.STATE, {"user_id": user_id, "id": memory_id})
            row = rows.one_or_none()
        return None if row is None else snapshot_of(row)

    async def snapshots(self, user_id: str, limit: int, after: str | None) -> list[Snapshot]:
        """Give a user's memories and tombstones by ascending id; see `Replica`."""
        values: dict[str, Any] = {"user_id": user_id, "limit": limit}
        statement = replication_sql.STATES
        if after is not None:
            values, statement = values | {"after": after}, replication_sql.STATES_AFTER
        async with self._database.reading() as connection:
            return [snapshot_of(row) for row in await connection.execute(statement, values)]

    async def users(self, limit: int, after: str | None) -> list[str]:
        """Give the users by code point; see `Replica`."""
        values = {"limit": limit, "after": after or ""}
        async with self._database.reading() as connection:
            return [row.user_id for row in await connection.execute(replication_sql.USERS, values)]

    async def identity(self) -> str:
        """Give the name that the database got with its schema; see `Replica`.

        Raises:
            Misconfigured: somebody has taken it away.
        """
        async with self._database.reading() as connection:
            store_id = await connection.scalar(replication_sql.IDENTITY)
        if store_id is None:
            raise Misconfigured("the table ninai_store has lost its row: insert one to name this database")
        return f"postgresql:{store_id}"

    async def _bring_about(self, wanted: Mapping[Key, Snapshot]) -> set[Key]:
        """Bring the table to these states, and give the keys under which there was a tombstone before."""
        # What counts less than what is there now always will, so it needs neither a vector nor the second statement.
        heads = await self._heads(wanted)
        after = {key: merged(heads[key], state) if key in heads else state for key, state in wanted.items()}
        changes = [state for key, state in after.items() if state is not heads.get(key)]
        if not changes:
            return _graves(heads)
        living = [state for state in changes if state.content is not None]
        embedded = await self._vectors.of_memories([state.content for state in living if state.content is not None])
        vectors = {_key(state): vector for state, vector in zip(living, embedded, strict=True)}
        columns = _columns(changes, vectors, self._clock.moment())
        async with self._database.writing() as connection:
            rows = await connection.execute(replication_sql.PUT_STATES, columns)
            deleted = {(row.user_id, str(row.id)): bool(row.deleted) for row in rows}
        if self._backlog is not None:
            self._backlog.report(
                sum(vector.vector is None and deleted.get(key) is False for key, vector in vectors.items())
            )
        overtaken = [_key(state) for state in changes if _key(state) not in deleted]
        late = await self._heads(overtaken, after_write=True) if overtaken else {}
        met = {key for key in vectors if deleted.get(key)}
        return _graves(heads) | _graves(late) | met

    async def _heads(self, keys: Iterable[Key], *, after_write: bool = False) -> dict[Key, Snapshot]:
        """What is there, without the texts."""
        user_ids, ids = zip(*keys, strict=True)
        values = {"user_ids": list(user_ids), "ids": list(map(UUID, ids))}
        async with self._database.reading(after_write=after_write) as connection:
            heads = [snapshot_of(row) for row in await connection.execute(replication_sql.HEADS, values)]
        return {_key(head): head for head in heads}


def _checked(snapshot: Snapshot) -> Snapshot | InvalidInput:
    try:
        return check_snapshot(snapshot)
    except InvalidInput as error:
        return error.with_traceback(None)  # a value now; the frames would keep the whole batch alive


def _key(state: Snapshot) -> Key:
    return state.user_id, state.id


def _graves(heads: Mapping[Key, Snapshot]) -> set[Key]:
    return {key for key, head in heads.items() if head.deleted}


def _columns(states: Sequence[Snapshot], vectors: Mapping[Key, Embedded], now: datetime) -> dict[str, Any]:
    embedded = [vectors.get(_key(state), NO_VECTOR) for state in states]
    return {
        "user_ids": [state.user_id for state in states],
        "ids": [UUID(state.id) for state in states],
        "versions": [state.version for state in states],
        "contents": [state.content for state in states],
        "metadatas": [to_jsonb(state.metadata) for state in states],
        "created_ats": [state.created_at for state in states],
        "updated_ats": [state.updated_at for state in states],
        "deleted_ats": [now if state.deleted else None for state in states],
        "digests": [state.digest or None for state in states],
        "edits": [f"{{{','.join(state.edits)}}}" for state in states],
        "models": [one.model for one in embedded],
        "embeddings": [half(one) for one in embedded],
    }
