"""The way of every write: into the journal first, then to home, while the others get it from the deliverer."""

from collections.abc import Sequence
from uuid import uuid4

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from providers.chain.account import Account
from providers.chain.confirming import Confirmer
from providers.chain.deadline import Deadline
from providers.chain.leasing import LEASE_SECONDS
from providers.chain.observer import JournalCall
from providers.chain.overlay import OLDEST
from providers.chain.policy import OperationClass
from providers.chain.reading import Reader
from providers.chain.route import Route
from providers.chain.several import each
from providers.errors import Conflict, MemoryDeleted, MemoryNotFound, ProviderError, Rejected, Unavailable
from providers.journal.base import Journal
from providers.journal.operations import Appended, Operation, OperationKind, OutOfDate
from providers.limits import MAX_EDITS
from providers.states.clock import HybridClock, new_memory_id
from providers.states.digests import digest_of
from providers.states.editing import tombstone_for, was_applied
from providers.types import Metadata, NewMemory, Snapshot

_CONCURRENT_LOOKS = 4  # for memories of one batch
_UPDATE_TRIES = 4  # when others change the same memory at the same time


class Writer:
    """Writes of a chain; each takes the route as it stands at its beginning."""

    def __init__(self, account: Account, reader: Reader, clock: HybridClock, journal: Journal) -> None:
        self._account = account
        self._reader = reader
        self._clock = clock
        self._home = Confirmer(account, clock, journal)

    async def remember(self, route: Route, memory: NewMemory) -> str:
        """Store one memory; see `MemoryProvider`."""
        deadline = self._account.deadline(route, OperationClass.REMEMBER)
        state = self._new_state(memory)
        appended = None
        if memory.memory_id is not None:
            found = await self._look_for(route, state, deadline)
            if isinstance(found, Snapshot):
                return state.id
            if isinstance(found, Operation):
                appended = await self._append(route, found, deadline)
            else:
                appended = found
        if appended is None:
            appended = await self._append(route, _beginning(state), deadline)
        await self._home.confirm(route, appended.entry, deadline)
        return state.id

    async def remember_many(self, route: Route, memories: Sequence[NewMemory]) -> list[str | ProviderError]:
        """Store many memories; those without an id are new for sure, the others are looked for first."""
        deadline = self._account.deadline(route, OperationClass.REMEMBER, len(memories))
        states = [self._new_state(memory) for memory in memories]
        found = await each(
            [state if memory.memory_id is not None else None for state, memory in zip(states, memories, strict=True)],
            lambda state: self._look_for(route, state, deadline),
            _CONCURRENT_LOOKS,
        )
        new = [place for place, known in enumerate(found) if known is None or isinstance(known, Operation)]
        operations = [
            known if isinstance(known := found[place], Operation) else _beginning(states[place]) for place in new
        ]
        for place, outcome in zip(new, await self._append_all(route, operations, deadline), strict=True):
            found[place] = outcome
        waiting = [(place, known.entry) for place, known in enumerate(found) if isinstance(known, Appended)]
        refused = dict(await self._home.confirm_many(route, OperationClass.REMEMBER, waiting, deadline))
        results: list[str | ProviderError] = []
        for place, known in enumerate(found):
            fault = known if isinstance(known, ProviderError) else refused.get(place)
            results.append(states[place].id if fault is None else fault.with_traceback(None))
        return results

    async def update(
        self,
        route: Route,
        user_id: str,
        memory_id: str,
        content: str | UnsetType,
        metadata: Metadata | UnsetType | None,
        version: int | None,
        edit_id: str | None,
    ) -> Snapshot:
        """Change a memory and give its state as it is now; see `MemoryProvider`."""
        deadline = self._account.deadline(route, OperationClass.REMEMBER)
        for _ in range(_UPDATE_TRIES):
            entry = await self._reader.entry(user_id, memory_id, deadline)
            base = None if entry is None else entry.state
            if base is None or base.version == OLDEST:  # a beginning that nobody could judge may be a repetition
                base = await self._reader.snapshot(route, user_id, memory_id, deadline) or base
            if base is None or base.deleted:
                raise MemoryNotFound(memory_id)
            nothing_given = content is UNSET and metadata is UNSET
            done = nothing_given or was_applied(base, edit_id) or (version is not None and version <= base.version)
            operation = self._update_of(base, content, metadata, version, edit_id)
            try:
                if done and entry is not None:
                    await self._home.confirm(route, entry, deadline)
                if done:
                    return base
                appended = await self._append(route, operation, deadline)
                await self._home.confirm(route, appended.entry, deadline)
            except OutOfDate:
                continue  # somebody was faster: begin anew from what they made of it
            except MemoryDeleted as error:
                raise MemoryNotFound(memory_id) from error
            return operation.state
        raise Unavailable(f"memory {memory_id} is being changed by too many at once")

    async def delete(
        self, route: Route, user_id: str, memory_id: str, version: int | None, edit_id: str | None
    ) -> bool:
        """Delete a memory for ever; see `MemoryProvider`."""
        deadline = self._account.deadline(route, OperationClass.DELETE)
        edit_id = edit_id or str(uuid4())
        former: Snapshot | None = None
        existed, created_at, trace = True, None, False
        try:
            # Half of the time at most: that the deletion is durable matters more than whether there was something.
            limited = deadline.earlier(deadline.remaining() / 2)
            entry = await self._reader.entry(user_id, memory_id, limited)
            if entry is None:
                witness, former = await self._reader.witnessed(route, user_id, memory_id, limited)
                # Whoever answers in home's place may lack what home has.
                trace = former is None and witness is route.home
            else:
                former = entry.state
        except Unavailable:
            # Nobody knows, so the answer is what the caller has reason to believe, and the same again to a retry.
            created_at = self._clock.moment()
        else:
            created_at = former.created_at if former is not None else None
            existed = _was_there(former, edit_id)
            if former is not None:
                self._clock.observe(former.version)
        if former is not None and former.deleted:
            state = former  # what deleted it first stays that for ever, and only whoever did so is told that it did
        else:
            state = Snapshot(
                user_id=user_id,
                id=memory_id,
                version=self._clock.next() if version is None else version,
                content=None,
                created_at=created_at,
                edits=(edit_id,),
            )
        operation = Operation(kind=OperationKind.DELETE, state=state, trace=trace)
        appended = await self._append(route, operation, deadline)
        if appended.repeated:
            existed = _was_there(appended.entry.state, edit_id)
        elif appended.former is not None:
            existed = True
        await self._home.confirm(route, appended.entry, deadline)
        return existed

    async def delete_all(self, route: Route, user_id: str, limit: int) -> int:
        """Delete what is there of a user's, each memory as if alone; see `MemoryProvider`."""
        deadline = self._account.deadline(route, OperationClass.DELETE, limit)
        # Half of the time at most, as for one.
        records = await self._reader.everything(route, user_id, limit, deadline.earlier(deadline.remaining() / 2))
        edit_id = str(uuid4())
        operations = [
            Operation(kind=OperationKind.DELETE, state=tombstone_for(record, self._clock.next(), edit_id))
            for record in records
        ]
        outcomes = await self._append_all(route, operations, deadline)
        entries = [(place, known.entry) for place, known in enumerate(outcomes) if isinstance(known, Appended)]
        refused = await self._home.confirm_many(route, OperationClass.DELETE, entries, deadline)
        for _, error in refused:
            raise error
        # What another caller deletes at the same time counts as well: who deletes on while there is more must not stop.
        return sum(isinstance(known, Appended) for known in outcomes)

    def _new_state(self, memory: NewMemory) -> Snapshot:
        return Snapshot(
            user_id=memory.user_id,
            id=memory.memory_id or new_memory_id(self._clock.milliseconds),
            version=self._clock.next() if memory.version is None else memory.version,
            content=memory.content,
            metadata=memory.metadata,
            created_at=memory.created_at or self._clock.moment(),
            digest=digest_of(memory.content, memory.metadata),
        )

    def _update_of(
        self,
        base: Snapshot,
        content: str | UnsetType,
        metadata: Metadata | UnsetType | None,
        version: int | None,
        edit_id: str | None,
    ) -> Operation:
        self._clock.observe(base.version)
        state = Snapshot(
            user_id=base.user_id,
            id=base.id,
            version=self._clock.next() if version is None else version,
            content=base.content if content is UNSET else content,
            metadata=base.metadata if metadata is UNSET else metadata,
            created_at=base.created_at,
            updated_at=self._clock.moment(),
            digest=base.digest,
            edits=base.edits if edit_id is None else (*base.edits, edit_id)[-MAX_EDITS:],
        )
        return Operation(kind=OperationKind.UPDATE, state=state, base_version=base.version)

    async def _look_for(
        self, route: Route, state: Snapshot, deadline: Deadline
    ) -> Appended | Snapshot | Operation | None:
        """Find out whether this write was made before.

        Gives what the journal knows of it; or what a provider has, of which the journal has forgotten; or None, if it
        is new; or, since the journal can accept it also while nobody knows, what is then to be appended.

        Raises:
            Conflict: something else is there.
            MemoryDeleted: it was deleted.
        """
        # Half of the time at most: what is left must do for storing it.
        limited = deadline.earlier(deadline.remaining() / 2)
        entry = await self._reader.entry(state.user_id, state.id, limited)
        try:
            former = await self._reader.snapshot(route, state.user_id, state.id, limited) if entry is None else None
        except Unavailable:
            # If it is a repetition after all, every later change has a newer version than this.
            return _beginning(replace(state, version=OLDEST))
        known = former if entry is None else entry.state
        if known is None:
            return None
        if known.deleted:
            raise MemoryDeleted(state.id)
        if known.digest != state.digest:
            raise Conflict(state.id)
        return known if entry is None else Appended(entry=entry, repeated=True)

    async def _append(self, route: Route, operation: Operation, deadline: Deadline) -> Appended:
        [outcome] = await self._append_all(route, [operation], deadline)
        if not isinstance(outcome, Appended):
            raise outcome
        return outcome

    async def _append_all(
        self, route: Route, operations: Sequence[Operation], deadline: Deadline
    ) -> list[Appended | Rejected]:
        if not operations:
            return []
        home = route.home
        return await self._account.journal(
            lambda journal: journal.append(operations, held=None if home is None else home.name, seconds=LEASE_SECONDS),
            deadline.remaining(),
            JournalCall.APPEND,
        )


def _beginning(state: Snapshot) -> Operation:
    return Operation(kind=OperationKind.REMEMBER, state=state)


def _was_there(former: Snapshot | None, edit_id: str) -> bool:
    """Whether a deletion finds a memory, or is the repetition of the one that did."""
    if former is None:
        return False
    if not former.deleted:
        return True
    return former.created_at is not None and edit_id in former.edits
