"""PostgresMemoryProvider: memories in PostgreSQL with pgvector."""

from collections.abc import Sequence
from functools import partial
from operator import itemgetter

from msgspec import UNSET

from observability import notes
from providers import limits
from providers.answer_size import may_exceed, page_within, recall_within
from providers.answers import PLAIN_ORDER, Changed, DeletedBy, Erased, Fetched, Found, Stored
from providers.asking import as_of
from providers.batches import answer_all
from providers.embedding_progress import EmbeddingProgress
from providers.errors import AnswerTooLarge, MemoryNotFound, OwnerErased, ProviderError
from providers.expiry import has_expired
from providers.feed import FeedPage, FeedQuery
from providers.group_commit import Combiner
from providers.history import HistoryPage, HistoryQuery, check_history
from providers.native import statements
from providers.native.columns import FIRST, edit_values, embedding_values, insert_values, record_of, snapshot_of
from providers.native.database import Database
from providers.native.deleting import deleted
from providers.native.embedding_queue import EmbeddingQueue
from providers.native.feed import DatabaseFeed
from providers.native.health import PostgresHealth, health_of
from providers.native.key_tidying import KeyTidying
from providers.native.keyed_put import KeyedPuts
from providers.native.listing import count_statement
from providers.native.paging import page_rows
from providers.native.ranked_recall import RankedRecall
from providers.native.replication import NativeReplica
from providers.native.rows import NO_EMBEDDING, MemoryRow
from providers.native.search import recall_statement
from providers.native.vectors import Vectors
from providers.native.versioned import checked
from providers.native.wall import tenants_of, values_of
from providers.native.writing import answer, is_late, new_row
from providers.owners import Owner
from providers.retention import NO_HISTORY, Retention
from providers.search.recall_index.index import RecallIndex
from providers.states.clock import HybridClock
from providers.states.editing import is_done
from providers.store import RECENT_CHANGES
from providers.timing.lazy import Lazy
from providers.timing.turns import in_turns
from providers.types import Deletion, Edit, MemoryRecord, NewMemory, PageQuery, RecallQuery

# Questions of one batch that are asked at once; more would take the pool away from other requests.
CONCURRENT_RECALLS = 4

# Statements under way at once that store single memories; what arrives meanwhile shares the next one. With four of them
# 8 clients took 13 % more processor time of this process, and 23 % more of PostgreSQL, at the same rate.
CONCURRENT_STATEMENTS = 2

_KEY = itemgetter(0, 1)  # of a row that was stored: by place, which takes a third of the time of names


class PostgresMemoryProvider(NativeReplica):
    """Memories in PostgreSQL: exact hybrid recall within a user, versions, tombstones."""

    def __init__(
        self,
        database: Database,
        vectors: Vectors,
        queue: EmbeddingQueue | None,
        clock: HybridClock,
        vector_weight: float,
        recall_index: RecallIndex | None = None,
        retention: Retention = NO_HISTORY,
    ) -> None:
        super().__init__(database, vectors, queue, clock, retention)
        self._combiner = Combiner(self._store, CONCURRENT_STATEMENTS, self._shared_by)
        self._feed = DatabaseFeed(database)
        self._keyed = KeyedPuts(database, clock, self.versions, queue, KeyTidying(database, self.erase))
        self._vector_weight = vector_weight
        self._ranked = RankedRecall(database, vectors, vector_weight, recall_index) if recall_index else None

    @property
    def ranking(self) -> str:
        """See `Replica`; the vectors decide with the words, so that another model is another ranking."""
        where = "native" if self._ranked is None or self._database.distributed else "ranked"
        return f"{where} {self._vector_weight:g} {' '.join(self._vectors.models)}"

    @property
    def embedding_progress(self) -> EmbeddingProgress | None:
        """See `Replica`."""
        return None if self._queue is None else self._queue.progress

    async def ping(self) -> None:
        """See `Replica`."""
        await self._database.ping()

    async def close(self) -> None:
        """Wait for the writes under way; call this before the database is closed."""
        await self._combiner.close()
        await self._keyed.tidying.close()
        if self._ranked is not None:
            await self._ranked.index.close()

    async def store(self, memory: NewMemory) -> Stored:
        """See `MemoryStore`; it shares its statement with others that come now."""
        memory = limits.check_new_memory(memory)
        [embedding] = await self._vectors.of_memories([memory.content])
        stored = await self._stored_with_others(new_row(memory, embedding, self._clock))
        if isinstance(stored, ProviderError):
            raise stored
        return stored

    async def store_many(self, memories: Sequence[NewMemory]) -> list[Stored | ProviderError]:
        """See `MemoryStore`."""
        limits.check_batch("memories", memories)
        canonical = await in_turns(partial(checked, limits.check_new_memory), memories)
        rows = await self._rows([memory for memory in canonical if isinstance(memory, NewMemory)])
        alone = len(rows) == 1
        stored = iter([await self._stored_with_others(*rows)] if alone else await self._store(rows) if rows else [])
        return [next(stored) if isinstance(memory, NewMemory) else memory for memory in canonical]

    def puts_keyed(self, owner: Owner) -> bool:  # noqa: ARG002 - it is the same for all
        """See `MemoryStore`; what is walled or distributed takes no statement that reads and writes."""
        return self._keyed.possible

    async def put_keyed(self, memory: NewMemory) -> Stored | Changed | None:
        """See `MemoryStore`."""
        memory = limits.check_new_memory(memory)
        return await self._keyed.put(memory, *await self._rows([memory]))

    async def find(self, query: RecallQuery) -> Found:
        """See `MemoryStore`."""
        limits.check_recall(query)
        query = as_of(query, self._clock.moment())
        vectors = Lazy(partial(self._vectors.of_question, query.query))
        without: tuple[str, ...] = ()
        if self._ranked is not None:
            found = await self._ranked.recall(query, vectors)
            if found is not None:
                return await recall_within(found, query.most_bytes)
            without = self._ranked.without_index(query.owner)
        with notes.timed("embed"):
            question = await vectors()
        degraded = (*question.degraded, *without)
        if query.options.of_ranking:
            degraded = (*degraded, PLAIN_ORDER)
        rows = await self._database.bound_rows(recall_statement(query, question.vectors, self._vector_weight))
        most = query.most_bytes
        if most is not None and rows and may_exceed(query.limit, most) and rows[0].size > most:
            raise AnswerTooLarge(most)
        memories = await in_turns(lambda row: record_of(row, row.score), rows)
        return await recall_within(Found(memories=memories, degraded=degraded), most)

    async def find_many(self, queries: Sequence[RecallQuery]) -> list[Found | ProviderError]:
        """See `MemoryStore`."""
        limits.check_batch("queries", queries)
        return await answer_all(queries, self.find, CONCURRENT_RECALLS)

    async def fetch(self, owner: Owner, memory_id: str) -> Fetched:
        """See `MemoryStore`."""
        limits.check_owner(owner)
        return Fetched(memory=await self._memory(owner, limits.check_memory_id(memory_id)))

    async def page(self, query: PageQuery) -> Found:
        """See `MemoryStore`."""
        limits.check_page(query)
        query = as_of(query, self._clock.moment())
        rows = await page_rows(self._database, query)
        memories = await in_turns(record_of, rows)
        bounded = may_exceed(query.limit, query.most_bytes)
        total = None
        if query.total:
            [[total]] = await self._database.bound_rows(count_statement(query.owner, query, leads=self._database.leads))
        cut = bounded and bool(rows) and rows[0].found > len(rows)
        return await page_within(Found(memories=memories, cut=cut, total=total), query.most_bytes)

    async def feed(self, query: FeedQuery) -> FeedPage:
        """See `MemoryStore`."""
        return await self._feed.page(query)

    async def history(self, query: HistoryQuery) -> HistoryPage:
        """See `MemoryStore`."""
        memory_id = check_history(query)
        await self._database.ready()
        if not self.keeps_history:
            return await super().history(query)
        newest = await self.snapshot(query.owner, memory_id)
        if newest is None or newest.deleted or has_expired(newest, self._clock.moment()):
            raise MemoryNotFound(memory_id)
        return await self.versions.page(query, newest)

    async def change(self, edit: Edit) -> Changed:
        """See `MemoryStore`."""
        edit = limits.check_edit(edit)
        if edit.empty:
            return Changed(memory=await self._unchanged(edit))
        return Changed(memory=await self._edited(edit) or await self._unchanged(edit))

    async def erase(self, deletion: Deletion) -> Erased:
        """See `MemoryStore`."""
        return Erased(count=int(await deleted(self._database, self._clock, limits.check_deletion(deletion))))

    async def deleted_by(self, owner: Owner, edit_id: str) -> DeletedBy:
        """See `MemoryStore`."""
        limits.check_owner(owner)
        values = values_of(owner) | {"edit_id": limits.check_uuid("edit_id", edit_id), "recent": RECENT_CHANGES}
        rows = await self._database.rows(statements.RECENTLY_DELETED_BY, values)
        return DeletedBy(memory_id=str(rows[0].id) if rows else None)

    async def health_check(self) -> PostgresHealth:
        """See `MemoryStore`."""
        return await health_of(self._database, type(self).__name__)

    async def _rows(self, memories: Sequence[NewMemory]) -> list[MemoryRow]:
        """Return the rows of checked memories, with ids, versions and vectors."""
        embeddings = await self._vectors.of_memories([memory.content for memory in memories])
        pairs = zip(memories, embeddings, strict=True)
        return await in_turns(lambda pair: new_row(*pair, self._clock), pairs)

    async def _stored_with_others(self, row: MemoryRow) -> Stored | ProviderError:
        async with self._database.limited():
            return await self._combiner.put(row)

    def _shared_by(self, row: MemoryRow) -> str | None:
        """Return whose rows one statement may store: where it is distributed those of one owner, whom one node has."""
        return row.state.user_id if self._database.distributed else None

    async def _store(self, rows: Sequence[MemoryRow]) -> list[Stored | ProviderError]:
        """Store all rows or none; return each one's id or why it was not stored. A repeat is harmless."""
        parts = await insert_values(rows, FIRST)
        fresh = {(user, str(uuid)) for user, uuid in map(_KEY, await self._database.write_parts(statements.PUT, parts))}
        if self._queue is not None:
            self._queue.report(sum(row.embedding.vector is None and row.key in fresh for row in rows))
        if len(fresh) == len(rows):
            return [Stored(id=row.state.id, version=row.state.version) for row in rows]
        user_ids, ids = ([value for part in parts for value in part[name]] for name in ("user_id", "id"))
        sought = {"user_ids": user_ids, "ids": ids, "tenants": tenants_of(user_ids)}
        found = await self._database.rows(statements.STORED, sought, after_write=True)
        stored = {(row.user_id, str(row.id)): row for row in found}
        fenced = {row.state.user_id for row in rows if row.key not in stored}
        erased = await self._erasing.erased(fenced) if fenced else {}
        known = [row for row in rows if row.key in stored]
        late = [row.state for row in known if row.key not in fresh and is_late(row, stored[row.key])]
        if late and self.keeps_history:
            await self.versions.put(late)
        return [
            answer(row, stored[row.key]) if row.key in stored else OwnerErased(erased[row.state.user_id])
            for row in rows
        ]

    async def _memory(self, owner: Owner, memory_id: str) -> MemoryRecord:
        rows = await self._database.rows(statements.GET, values_of(owner) | {"id": memory_id})
        record = record_of(rows[0]) if rows else None
        if record is None or has_expired(record, self._clock.moment()):
            raise MemoryNotFound(memory_id)
        return record

    async def _edited(self, edit: Edit) -> MemoryRecord | None:
        """Replace what is given; return None if the memory is absent, deleted, or has this edit or a newer one."""
        [embedding] = [NO_EMBEDDING] if edit.content is UNSET else await self._vectors.of_memories([edit.content])
        values = {
            **edit_values(edit),
            **embedding_values(embedding),
            **values_of(edit.owner),
            "id": edit.memory_id,
            "version": self._clock.next() if edit.version is None else edit.version,
            "minted": edit.version is None,
            "now": self._clock.moment(),
            "edit_id": edit.edit_id,
            "seen": edit.seen,
            "kept_edits": limits.MAX_EDITS,
            **self.versions.kept_versions,
        }
        rows = await self._database.write(statements.UPDATE, values)
        if not rows:
            return None
        self._clock.observe(rows[0].version)
        if edit.content is not UNSET and embedding.vector is None and self._queue is not None:
            self._queue.report(1)
        return record_of(rows[0])

    async def _unchanged(self, edit: Edit) -> MemoryRecord:
        """Return the memory that an edit did not change: it is newer, or has the edit already.

        Raises:
            Conflict: it has another edit with the key of this one.
            MemoryNotFound: it is absent, deleted, erased or expired.
            VersionMismatch: it has another version than the one that the edit was made for.
        """
        rows = await self._database.rows(statements.MET, values_of(edit.owner) | {"id": edit.memory_id})
        stored = snapshot_of(rows[0]) if rows else None
        if stored is None or stored.deleted or has_expired(stored, self._clock.moment()):
            raise MemoryNotFound(edit.memory_id)
        is_done(stored, edit)
        return stored.record
