"""The write path: into the journal first, then to home; the relays deliver to the standbys."""

from collections.abc import Sequence

from msgspec.structs import replace

from providers import limits
from providers.answers import Changed, Stored
from providers.batches import answer_all
from providers.chain.appending import append_all, raise_first
from providers.chain.confirming import Confirmer
from providers.chain.context import ChainContext
from providers.chain.earlier_writes import EarlierWrites, creation
from providers.chain.execution import JOURNAL, Execution, WriteFacts
from providers.chain.overlay import is_unverified
from providers.chain.policy import OperationClass
from providers.chain.reading import ChainReader
from providers.chain.route import Route
from providers.chain.superseding import is_unlooked
from providers.chain.waiting.slowing import slow_down
from providers.errors import MemoryDeleted, MemoryNotFound, ProviderError, Unavailable
from providers.expiry import has_expired
from providers.journal.operations import Appended, JournalEntry, Operation, OperationKind, OutOfDate
from providers.keys.choosing import unlooked_above
from providers.states.clock import HybridClock, new_memory_id
from providers.states.editing import edited, first_state, is_done
from providers.states.merging import merged
from providers.states.touching import with_touch
from providers.timing.turns import in_turns
from providers.types import Edit, NewMemory, Snapshot

_AT_ONCE = 4  # looks for memories of one batch
_UPDATE_TRIES = 4  # while others change the same memory at the same time


class ChainWriter:
    """Accept writes; each uses the route that is in force when it begins."""

    def __init__(self, context: ChainContext, reader: ChainReader, clock: HybridClock, home: Confirmer) -> None:
        self._context = context
        self._reader = reader
        self._clock = clock
        self._home = home
        self._earlier = EarlierWrites(reader)

    async def store(self, route: Route, memory: NewMemory) -> Stored:
        """Store one memory; see `MemoryStore`."""
        memory = limits.check_new_memory(memory)
        with self._context.begin(route, OperationClass.REMEMBER) as execution:
            await slow_down(self._context, execution, memory.owner)
            # A path of its own: what joins the memories of a batch costs as much as a tenth of all that a write does.
            state = self._new_state(memory)
            if is_unlooked(state):
                [state] = await self._after_others(execution, [state])
            new = memory.memory_id is None
            prepared = creation(state) if new else await self._earlier.find_one(execution, state)
            state = await self._durable(execution, prepared)
            return Stored(id=state.id, version=state.version, **execution.write_facts)

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
        if any(map(is_unlooked, states)):
            states = await self._after_others(execution, states)
        found: list[Appended | Snapshot | Operation | ProviderError] = [creation(state) for state in states]
        named = [place for place, memory in enumerate(memories) if memory.memory_id is not None]
        if named:
            looks = await self._earlier.find(execution, [states[place] for place in named])
            for place, look in zip(named, looks, strict=True):
                found[place] = look
        new = [(place, known) for place, known in enumerate(found) if isinstance(known, Operation)]
        appended = await append_all(self._context, execution, [operation for _, operation in new])
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
                    state = await self._durable(execution, await self._prepared(execution, edit))
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
            outcomes = await append_all(self._context, execution, [operation for _, operation in new])
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

    async def _durable(self, execution: Execution, prepared: Operation | Appended | Snapshot) -> Snapshot:
        """Append an operation unless the journal or a provider has it, wait for home, and return what has come of it.

        Raises:
            Rejected: the journal or home has refused it.
        """
        if isinstance(prepared, Snapshot):
            return prepared
        appended = prepared if isinstance(prepared, Appended) else await self._append(execution, prepared)
        raise_first(await self._home.confirm(execution, OperationClass.REMEMBER, [(0, appended.entry)]))
        return appended.entry.state  # not the new one where the journal knows that the edit was applied long before

    async def _prepared(self, execution: Execution, edit: Edit) -> Operation | Appended | Snapshot:
        """Return the operation that makes an edit; or the memory, if the edit changes nothing, as it is known."""
        entry = await self._reader.entry(edit.owner, edit.memory_id, execution.deadline)
        base = None if entry is None else entry.state
        # An unverified write may repeat an earlier one, and of what was rolled back the journal may be a part.
        if entry is None or is_unverified(entry) or execution.route.is_restored:
            _, held = await self._reader.snapshot(execution, edit.owner, edit.memory_id, known=entry)
            if held is not None:
                base = held if entry is None or is_unverified(entry) else merged(entry.state, held)
        now = self._clock.moment()
        living = base
        if entry is not None and base is entry.state and base.sliding_seconds is not None:
            living = await self._with_touch(execution, entry)
        if base is None or living is None or base.deleted or has_expired(living, now):
            if entry is not None and entry.state is base:
                execution.answered(JOURNAL)
            raise MemoryNotFound(edit.memory_id)
        if is_done(base, edit):
            return Appended(entry=entry, repeated=True) if entry is not None and base is entry.state else base
        self._clock.observe(base.version)
        version = self._clock.next() if edit.version is None else edit.version
        state = edited(living, edit, version, now)
        return Operation(
            kind=OperationKind.UPDATE,
            state=state,
            base_version=base.version,
            edit_id=edit.edit_id,
            older_edits=tuple(one for one in base.edits if one not in state.edits),
        )

    async def _with_touch(self, execution: Execution, entry: JournalEntry) -> Snapshot:
        """Return the state that the journal knows with the touch that a provider knows, as far as one answers."""
        state = entry.state
        try:
            _, held = await self._reader.snapshot(execution, state.owner, state.id, known=entry)
        except Unavailable:
            return state
        return state if held is None else with_touch(state, held.touched_at)

    def _new_state(self, memory: NewMemory) -> Snapshot:
        memory_id = memory.memory_id or new_memory_id(self._clock.milliseconds)
        version = self._clock.next() if memory.version is None else memory.version
        return first_state(memory, memory_id, version, self._clock.moment())

    async def _after_others(self, execution: Execution, states: Sequence[Snapshot]) -> list[Snapshot]:
        """Return a user's new memories, those put without a look after all that the journal knows of the user.

        By its clock alone one would lose against another that was put so before, by a host whose clock is ahead.
        """
        owner, seconds = states[0].owner, execution.deadline.remaining()
        self._clock.observe(await self._context.journal(lambda journal: journal.newest_version(owner), seconds))
        return [self._unlooked(state) if is_unlooked(state) else state for state in states]

    def _unlooked(self, state: Snapshot) -> Snapshot:
        version = self._clock.next()
        return replace(state, version=version, first_version=max(state.first_version, unlooked_above(version)))

    async def _append(self, execution: Execution, operation: Operation) -> Appended:
        [outcome] = await append_all(self._context, execution, [operation])
        if not isinstance(outcome, Appended):
            raise outcome
        return outcome


def _state_of(known: Appended | Operation | Snapshot) -> Snapshot:
    if isinstance(known, Snapshot):
        return known
    return known.entry.state if isinstance(known, Appended) else known.state


def _checked(memory: NewMemory) -> NewMemory | ProviderError:
    """Return the memory in canonical form, or the error that keeps it out of the journal."""
    try:
        return limits.check_new_memory(memory)
    except ProviderError as error:
        return error.with_traceback(None)
