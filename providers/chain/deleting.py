"""Deletions: tombstones in the journal first, then at home; the relays deliver them to the standbys."""

from collections.abc import Sequence
from contextlib import suppress

from msgspec.structs import replace

from providers import limits
from providers.answers import DeletedBy, Erased
from providers.chain.appending import append_all, raise_first
from providers.chain.confirming import Confirmer
from providers.chain.context import ChainContext
from providers.chain.deadline import CallOptions, Deadline
from providers.chain.execution import Execution
from providers.chain.link import Link
from providers.chain.overlay import deletion_version
from providers.chain.pending_view import MAX_PENDING
from providers.chain.policy import OperationClass
from providers.chain.reading import ChainReader
from providers.chain.route import Route
from providers.chain.waiting.slowing import slow_down
from providers.errors import MemoryNotFound, Unavailable
from providers.expiry import BEGINNING
from providers.journal.operations import Appended, Operation, OperationKind, OutOfDate
from providers.keys.choosing import rank_of
from providers.owners import Owner
from providers.states.clock import HybridClock, new_edit_id
from providers.states.editing import deleted_by, tombstone_of
from providers.store import RECENT_CHANGES
from providers.timing.turns import in_turns
from providers.types import Conditions, Deletion, MemoryRecord, Snapshot, as_page


class ChainEraser:
    """Accept deletions; each uses the route that is in force when it begins."""

    def __init__(self, context: ChainContext, reader: ChainReader, clock: HybridClock, home: Confirmer) -> None:
        self._context = context
        self._reader = reader
        self._clock = clock
        self._home = home

    async def erase(self, route: Route, deletion: Deletion) -> Erased:
        """Delete a memory for ever; see `MemoryStore`."""
        deletion = limits.check_deletion(deletion)
        edit_id = deletion.edit_id or new_edit_id()
        with self._context.begin(route, OperationClass.DELETE) as execution:
            await slow_down(self._context, execution, deletion.owner)
            former, trace, created_at = None, False, None
            try:
                former, trace = await self._former(execution, deletion)
                existed = _existed(former, edit_id)
                created_at = None if former is None else former.created_at
            except Unavailable:
                if deletion.seen is not None:
                    raise
                # Whether it existed is unknown. The caller has reason to believe so, and a retry gets the same answer.
                existed, created_at = True, self._clock.moment()
            if deletion.seen is not None and not _has_version(former, deletion.seen):
                return Erased(count=0, **execution.write_facts)
            if former is not None and former.deleted:
                state = former  # the first deletion stays for ever, and only its caller gets a count of 1
            elif former is not None:
                version = deletion.version or deletion_version(former, self._clock)
                state = tombstone_of(former, edit_id, version)
            else:
                state = Snapshot(
                    user_id=deletion.owner.key,
                    id=deletion.memory_id,
                    version=self._clock.next() if deletion.version is None else deletion.version,
                    content=None,
                    created_at=created_at,
                    edits=(edit_id,),
                )
            operation = Operation(kind=OperationKind.DELETE, state=state, trace=trace, base_version=deletion.seen or 0)
            # Those whose places it has taken would show again.
            superseded = [] if former is None or former.key is None else await self._superseded(execution, former)
            [appended, *others] = await append_all(self._context, execution, [operation, *superseded])
            if isinstance(appended, OutOfDate | MemoryNotFound):
                return Erased(count=0, **execution.write_facts)
            if not isinstance(appended, Appended):
                raise appended
            if appended.repeated and not (former is not None and former.deleted and existed):
                existed = _existed(appended.entry.state, edit_id)
            elif appended.former is not None:
                existed = True
            entries = [(place, one.entry) for place, one in enumerate([appended, *others]) if isinstance(one, Appended)]
            raise_first(await self._home.confirm(execution, OperationClass.DELETE, entries))
            return Erased(count=existed, **execution.write_facts)

    async def deleted_by(self, route: Route, owner: Owner, edit_id: str) -> DeletedBy:
        """Return what a deletion of this name has deleted; see `MemoryStore`.

        Raises:
            Unavailable: neither the journal nor a provider knows of it, or one of them does not answer.
        """
        limits.check_owner(owner)
        edit_id = limits.check_uuid("edit_id", edit_id)
        with self._context.begin(route, OperationClass.READ) as execution:
            # What comes after it, the deletion itself, needs the other half.
            half = execution.deadline.earlier(execution.deadline.remaining() / 2)

            async def ask(link: Link, options: CallOptions) -> DeletedBy:
                entries = await self._context.journal(
                    lambda journal: journal.entries(owner, link.name, MAX_PENDING, RECENT_CHANGES), half.remaining()
                )
                found = (entry.state.id for entry in entries if deleted_by(entry.state, edit_id))
                if (memory_id := next(found, None)) is not None:
                    return DeletedBy(memory_id=memory_id)
                return await link.call(lambda store: store.deleted_by(owner, edit_id), OperationClass.READ, options)

            found = await self._reader.first(execution, ask, half)
            return replace(found, **execution.facts)

    async def _superseded(self, execution: Execution, former: Snapshot | MemoryRecord) -> list[Operation]:
        """Return the deletions of what a memory supersedes by its key; see `providers/keys`.

        One that somebody else has deleted meanwhile supersedes nothing, least of all what was put since.

        Raises:
            Unavailable: it is unknown what there is.
        """
        if former.key is None:
            return []
        half = execution.deadline.earlier(execution.deadline.remaining() / 2)
        records = await self._reader.of_key(execution, former.owner, former.key, half)
        older = [record for record in records if rank_of(record) < rank_of(former)]
        if older and (entry := await self._reader.entry(former.owner, former.id, half)) and entry.state.deleted:
            return []
        return [self._erasure(record, new_edit_id()) for record in older]

    async def _former(self, execution: Execution, deletion: Deletion) -> tuple[Snapshot | None, bool]:
        """Return the state that a deletion meets, and whether home itself holds none, so that a trace is to be kept."""
        # At most half of the time: that the deletion is durable matters more than whether the memory existed.
        limited = execution.deadline.earlier(execution.deadline.remaining() / 2)
        entry = await self._reader.entry(deletion.owner, deletion.memory_id, limited)
        if entry is not None:
            self._clock.observe(entry.state.version)
            return await self._first_deletion(execution, deletion, entry.state, limited), False
        source, former = await self._reader.snapshot(execution, deletion.owner, deletion.memory_id, limited)
        if former is not None:
            self._clock.observe(former.version)
        # A provider that answers instead of home may lack what home holds.
        return former, former is None and source is execution.route.home

    async def _first_deletion(
        self, execution: Execution, deletion: Deletion, known: Snapshot, limited: Deadline
    ) -> Snapshot:
        """Return the tombstone that this very deletion has left at a provider, or else what the journal knows.

        The journal forgets deletions; that of a later write, which nobody could judge, is perhaps all that it knows.
        """
        if not known.deleted or deletion.edit_id is None or deleted_by(known, deletion.edit_id):
            return known
        with suppress(Unavailable):
            _, held = await self._reader.snapshot(execution, deletion.owner, deletion.memory_id, limited)
            if held is not None and held.deleted and deleted_by(held, deletion.edit_id):
                return held
        return known

    async def erase_all(self, route: Route, owner: Owner, limit: int, conditions: Conditions) -> Erased:
        """Delete an owner's memories that meet conditions, each as if alone; see `MemoryStore`."""
        limits.check_erase_all(owner, limit, conditions)
        with self._context.begin(route, OperationClass.DELETE, limit) as execution:
            await slow_down(self._context, execution, owner)
            # At most half of the time, as for one.
            limited = execution.deadline.earlier(execution.deadline.remaining() / 2)
            chosen = replace(as_page(conditions, owner), now=BEGINNING)  # what has expired is to go as well
            records = await self._reader.all_memories(execution, chosen, limit, limited)
            edit_id = new_edit_id()
            operations = await in_turns(lambda record: self._erasure(record, edit_id), records)
            if conditions.conditional:  # what they supersede may not meet them
                await self._erase_superseded(execution, owner, records)
            outcomes = await append_all(self._context, execution, operations)
            entries = [(place, known.entry) for place, known in enumerate(outcomes) if isinstance(known, Appended)]
            raise_first(await self._home.confirm(execution, OperationClass.DELETE, entries))
            # Memories that another caller deletes at the same time count as well, or a repeating caller stops early.
            return Erased(count=len(entries), **execution.write_facts)

    async def _erase_superseded(self, execution: Execution, owner: Owner, records: Sequence[MemoryRecord]) -> None:
        """Delete what memories supersede that have not reached home, so that nobody has done so yet."""
        keyed = [record for record in records if record.key is not None]
        home = execution.route.home
        if not keyed or home is None:
            return
        entries = await self._context.journal(
            lambda journal: journal.entries(owner, home.name, MAX_PENDING, 0), execution.deadline.remaining()
        )
        pending = {entry.state.id for entry in entries}
        for record in keyed:
            if record.id in pending:
                await append_all(self._context, execution, await self._superseded(execution, record))

    def _erasure(self, record: MemoryRecord, edit_id: str) -> Operation:
        state = tombstone_of(record, edit_id, deletion_version(record, self._clock))
        return Operation(kind=OperationKind.DELETE, state=state)


def _has_version(former: Snapshot | None, version: int) -> bool:
    """Return whether a deletion of one version alone meets that version, or a tombstone, which judges for itself."""
    return former is not None and (former.deleted or former.version == version)


def _existed(former: Snapshot | None, edit_id: str) -> bool:
    """Return whether a deletion finds a memory, or repeats the one that did."""
    return former is not None and (not former.deleted or deleted_by(former, edit_id))
