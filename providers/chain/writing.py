"""The write path: into the journal first, then to home; the relays deliver to the standbys."""

from collections.abc import Sequence
from contextlib import suppress
from uuid import uuid4

from msgspec.structs import replace

from providers import limits
from providers.answers import Changed, Erased, Stored
from providers.batches import answer_all
from providers.chain.confirming import Confirmer
from providers.chain.context import ChainContext
from providers.chain.deadline import Deadline
from providers.chain.execution import JOURNAL, Execution, WriteFacts
from providers.chain.leasing import LEASE_SECONDS
from providers.chain.observer import JournalCall
from providers.chain.overlay import OLDEST_VERSION, is_unverified
from providers.chain.pending_view import MAX_PENDING
from providers.chain.policy import OperationClass
from providers.chain.reading import ChainReader
from providers.chain.route import Route
from providers.chain.waiting.slowing import slow_down
from providers.errors import Conflict, MemoryDeleted, MemoryNotFound, ProviderError, Rejected, Unavailable
from providers.journal.operations import Appended, Operation, OperationKind, OutOfDate
from providers.keys.choosing import rank_of
from providers.owners import Owner
from providers.states.clock import HybridClock, new_memory_id
from providers.states.editing import deleted_by, edited, first_state, is_done, tombstone_for
from providers.timing.turns import in_turns
from providers.types import Conditions, Deletion, Edit, MemoryRecord, NewMemory, Snapshot, as_page

_AT_ONCE = 4  # looks for memories of one batch
_UPDATE_TRIES = 4  # while others change the same memory at the same time


class ChainWriter:
    """Accept writes; each uses the route that is in force when it begins."""

    def __init__(self, context: ChainContext, reader: ChainReader, clock: HybridClock, home: Confirmer) -> None:
        self._context = context
        self._reader = reader
        self._clock = clock
        self._home = home

    async def store(self, route: Route, memory: NewMemory) -> Stored:
        """Store one memory; see `MemoryStore`."""
        memory = limits.check_new_memory(memory)
        with self._context.begin(route, OperationClass.REMEMBER) as execution:
            await slow_down(self._context, execution, memory.owner)
            [outcome] = await self._store(execution, [memory])
            if isinstance(outcome, ProviderError):
                raise outcome
            return Stored(id=outcome.id, version=outcome.version, **execution.write_facts)

    async def store_many(self, route: Route, memories: Sequence[NewMemory]) -> list[Stored | ProviderError]:
        """Store many memories; see `MemoryStore`."""
        limits.check_batch("memories", memories)
        checked = await in_turns(_checked, memories)
        good = [memory for memory in checked if isinstance(memory, NewMemory)]
        if not good:
            return [memory for memory in checked if isinstance(memory, ProviderError)]
        with self._context.begin(route, OperationClass.REMEMBER, len(good)) as execution:
            await slow_down(self._context, execution, good[0].owner, len(good))
            outcomes = iter(enumerate(await self._store(execution, good)))
        results = ((-1, memory) if isinstance(memory, ProviderError) else next(outcomes) for memory in checked)
        return [
            execution.refusal(one)
            if isinstance(one, ProviderError)
            else Stored(id=one.id, version=one.version, **execution.write_facts_of(place))
            for place, one in results
        ]

    async def _store(self, execution: Execution, memories: Sequence[NewMemory]) -> list[Snapshot | ProviderError]:
        """Store memories; one without an id is certainly new, for the others an earlier write is looked up first."""
        states = await in_turns(self._new_state, memories)
        found: list[Appended | Snapshot | Operation | ProviderError] = [_creation(state) for state in states]
        named = [place for place, memory in enumerate(memories) if memory.memory_id is not None]
        looks = await answer_all(named, lambda place: self._find_earlier_write(execution, states[place]), _AT_ONCE)
        for place, look in zip(named, looks, strict=True):
            found[place] = look
        new = [(place, known) for place, known in enumerate(found) if isinstance(known, Operation)]
        appended = await self._append_all(execution, [operation for _, operation in new])
        for (place, _), outcome in zip(new, appended, strict=True):
            found[place] = outcome
        entries = [(place, known.entry) for place, known in enumerate(found) if isinstance(known, Appended)]
        for place, error in await self._home.confirm(execution, OperationClass.REMEMBER, entries):
            found[place] = error
        return [known.with_traceback(None) if isinstance(known, ProviderError) else _state_of(known) for known in found]

    async def change(self, route: Route, edit: Edit) -> Changed:
        """Change a memory; see `MemoryStore`."""
        edit = limits.check_edit(edit)
        with self._context.begin(route, OperationClass.REMEMBER) as execution:
            await slow_down(self._context, execution, edit.owner)
            for _ in range(_UPDATE_TRIES):
                try:
                    state = await self._changed(execution, edit)
                except OutOfDate:
                    continue  # another change was faster: start again from its result
                except MemoryDeleted as error:
                    raise MemoryNotFound(edit.memory_id) from error
                return Changed(memory=state.record, **execution.write_facts)
            raise Unavailable(f"memory {edit.memory_id} is being changed by too many at once")

    async def change_many(self, route: Route, edits: Sequence[Edit]) -> list[Changed | ProviderError]:
        """Change different memories with one call to the journal; one that others change meanwhile is changed alone."""
        limits.check_batch("edits", edits)
        with self._context.begin(route, OperationClass.REMEMBER, len(edits)) as execution:
            await slow_down(self._context, execution, edits[0].owner, len(edits))
            found = await answer_all(edits, lambda edit: self._prepared(execution, limits.check_edit(edit)), _AT_ONCE)
            new = [(place, one) for place, one in enumerate(found) if isinstance(one, Operation)]
            outcomes = await self._append_all(execution, [operation for _, operation in new])
            for (place, _), outcome in zip(new, outcomes, strict=True):
                found[place] = outcome
            entries = [(place, one.entry) for place, one in enumerate(found) if isinstance(one, Appended)]
            for place, error in await self._home.confirm(execution, OperationClass.REMEMBER, entries):
                found[place] = error
        return [
            await self._change_result(route, edit, one, execution.write_facts_of(place))
            for place, (edit, one) in enumerate(zip(edits, found, strict=True))
        ]

    async def _change_result(
        self, route: Route, edit: Edit, one: Operation | Appended | Snapshot | ProviderError, facts: WriteFacts
    ) -> Changed | ProviderError:
        try:
            if isinstance(one, OutOfDate):
                return await self.change(route, edit)
        except ProviderError as error:
            return error.with_traceback(None)
        if isinstance(one, MemoryDeleted):
            return MemoryNotFound(edit.memory_id)
        return one if isinstance(one, ProviderError) else Changed(memory=_state_of(one).record, **facts)

    async def _changed(self, execution: Execution, edit: Edit) -> Snapshot:
        prepared = await self._prepared(execution, edit)
        if isinstance(prepared, Snapshot):
            return prepared
        appended = prepared if isinstance(prepared, Appended) else await self._append(execution, prepared)
        _raise_first(await self._home.confirm(execution, OperationClass.REMEMBER, [(0, appended.entry)]))
        return appended.entry.state  # not the new one where the journal knows that the edit was applied long before

    async def _prepared(self, execution: Execution, edit: Edit) -> Operation | Appended | Snapshot:
        """Return the operation that makes an edit; or the memory, if the edit changes nothing, as it is known."""
        entry = await self._reader.entry(edit.owner, edit.memory_id, execution.deadline)
        base = None if entry is None else entry.state
        if entry is None or is_unverified(entry):  # an unverified write may repeat an earlier one
            _, held = await self._reader.snapshot(execution, edit.owner, edit.memory_id, known=entry)
            base = held or base
        if base is None or base.deleted:
            if entry is not None and entry.state is base:
                execution.answered(JOURNAL)
            raise MemoryNotFound(edit.memory_id)
        if is_done(base, edit):
            return Appended(entry=entry, repeated=True) if entry is not None and base is entry.state else base
        self._clock.observe(base.version)
        version = self._clock.next() if edit.version is None else edit.version
        state = edited(base, edit, version, self._clock.moment())
        return Operation(
            kind=OperationKind.UPDATE,
            state=state,
            base_version=base.version,
            edit_id=edit.edit_id,
            older_edits=tuple(one for one in base.edits if one not in state.edits),
        )

    async def erase(self, route: Route, deletion: Deletion) -> Erased:
        """Delete a memory for ever; see `MemoryStore`."""
        deletion = limits.check_deletion(deletion)
        edit_id = deletion.edit_id or str(uuid4())
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
            superseded = [] if former is None else await self._superseded(execution, former)
            [appended, *others] = await self._append_all(execution, [operation, *superseded])
            if isinstance(appended, OutOfDate):
                return Erased(count=0, **execution.write_facts)
            if not isinstance(appended, Appended):
                raise appended
            if appended.repeated and not (former is not None and former.deleted and existed):
                existed = _existed(appended.entry.state, edit_id)
            elif appended.former is not None:
                existed = True
            entries = [(place, one.entry) for place, one in enumerate([appended, *others]) if isinstance(one, Appended)]
            _raise_first(await self._home.confirm(execution, OperationClass.DELETE, entries))
            return Erased(count=existed, **execution.write_facts)

    async def _superseded(self, execution: Execution, former: Snapshot | MemoryRecord) -> list[Operation]:
        """Return the deletions of what a memory supersedes by its key; see `providers/keys`.

        Raises:
            Unavailable: it is unknown what there is.
        """
        if former.key is None:
            return []
        half = execution.deadline.earlier(execution.deadline.remaining() / 2)
        records = await self._reader.of_key(execution, former.owner, former.key, half)
        older = [record for record in records if rank_of(record) < rank_of(former)]
        return [_erasure(record, self._clock.next(), str(uuid4())) for record in older]

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
            records = await self._reader.all_memories(execution, as_page(conditions, owner), limit, limited)
            edit_id = str(uuid4())
            operations = await in_turns(lambda record: _erasure(record, self._clock.next(), edit_id), records)
            if conditions.conditional:  # what they supersede may not meet them
                await self._erase_superseded(execution, owner, records)
            outcomes = await self._append_all(execution, operations)
            entries = [(place, known.entry) for place, known in enumerate(outcomes) if isinstance(known, Appended)]
            _raise_first(await self._home.confirm(execution, OperationClass.DELETE, entries))
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
                await self._append_all(execution, await self._superseded(execution, record))

    def _new_state(self, memory: NewMemory) -> Snapshot:
        memory_id = memory.memory_id or new_memory_id(self._clock.milliseconds)
        version = self._clock.next() if memory.version is None else memory.version
        return first_state(memory, memory_id, version, self._clock.moment())

    async def _find_earlier_write(self, execution: Execution, state: Snapshot) -> Appended | Snapshot | Operation:
        """Find out whether this write was made before.

        Return what the journal knows of it; or the state at a provider, which the journal has forgotten; or the
        operation to be appended, if the write is new or no provider answers.

        Raises:
            Conflict: the id holds something else.
            MemoryDeleted: the memory was deleted.
        """
        # At most half of the time: the rest must suffice for storing it.
        half = execution.deadline.earlier(execution.deadline.remaining() / 2)
        entry = await self._reader.entry(state.owner, state.id, half)
        known = None if entry is None else entry.state
        try:
            if entry is None:
                _, known = await self._reader.snapshot(execution, state.owner, state.id, half)
            elif is_unverified(entry) and entry.state.digest != state.digest:
                # Another write took the key while nobody could be asked, and perhaps this one came before it.
                _, held = await self._reader.snapshot(execution, state.owner, state.id, half, known=entry)
                known = held or known
        except Unavailable:
            if entry is not None:
                raise
            # If it repeats an earlier write after all, every later change has a newer version than this.
            return _creation(replace(state, version=OLDEST_VERSION))
        if known is None:
            return _creation(state)
        if entry is not None:
            execution.answered(JOURNAL)
        if known.deleted:
            raise MemoryDeleted(state.id)
        if known.digest != state.digest:
            raise Conflict(state.id)
        return Appended(entry=entry, repeated=True) if entry is not None and known is entry.state else known

    async def _append(self, execution: Execution, operation: Operation) -> Appended:
        [outcome] = await self._append_all(execution, [operation])
        if not isinstance(outcome, Appended):
            raise outcome
        return outcome

    async def _append_all(self, execution: Execution, operations: Sequence[Operation]) -> list[Appended | Rejected]:
        if not operations:
            return []
        home = None if execution.route.home is None else execution.route.home.name
        outcomes = await self._context.journal(
            lambda journal: journal.append(operations, held=home, seconds=LEASE_SECONDS),
            execution.deadline.remaining(),
            JournalCall.APPEND,
        )
        if any(isinstance(outcome, Rejected) for outcome in outcomes):
            execution.answered(JOURNAL)
        return outcomes


def _creation(state: Snapshot) -> Operation:
    return Operation(kind=OperationKind.REMEMBER, state=state)


def _erasure(record: MemoryRecord, version: int, edit_id: str) -> Operation:
    return Operation(kind=OperationKind.DELETE, state=tombstone_for(record, version, edit_id))


def _state_of(known: Appended | Operation | Snapshot) -> Snapshot:
    if isinstance(known, Snapshot):
        return known
    return known.entry.state if isinstance(known, Appended) else known.state


def _has_version(former: Snapshot | None, version: int) -> bool:
    """Return whether a deletion of one version alone meets that version, or a tombstone, which judges for itself."""
    return former is not None and (former.deleted or former.version == version)


def _checked(memory: NewMemory) -> NewMemory | ProviderError:
    """Return the memory in canonical form, or the error that keeps it out of the journal."""
    try:
        return limits.check_new_memory(memory)
    except ProviderError as error:
        return error.with_traceback(None)


def _existed(former: Snapshot | None, edit_id: str) -> bool:
    """Return whether a deletion finds a memory, or repeats the one that did."""
    return former is not None and (not former.deleted or deleted_by(former, edit_id))


def _raise_first(refused: Sequence[tuple[int, ProviderError]]) -> None:
    for _, error in refused:
        raise error
