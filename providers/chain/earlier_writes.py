"""The look for earlier writes: whether what is to be stored under an id of the caller's was stored before."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress

from msgspec import Struct
from msgspec.structs import replace

from providers.batches import answer_all
from providers.chain.deadline import Deadline
from providers.chain.execution import JOURNAL, Execution
from providers.chain.overlay import OLDEST_VERSION, is_unverified
from providers.chain.reading import ChainReader
from providers.errors import Conflict, MemoryDeleted, ProviderError, Rejected, Unavailable
from providers.journal.operations import Appended, JournalEntry, Operation, OperationKind
from providers.owners import Owner
from providers.timing.turns import in_turns
from providers.types import Snapshot

# What is known of a write: what the journal knows of it; or the state at a provider, which the journal has forgotten;
# or the operation to be appended, if the write is new or no provider answers.
Look = Appended | Snapshot | Operation

_AT_ONCE = 4  # looks for memories of one batch that are made one by one


class EarlierWrites(Struct, frozen=True):
    """Ask the journal, then a provider, in at most half of the time: the rest must suffice for storing."""

    reader: ChainReader

    async def find(self, execution: Execution, states: Sequence[Snapshot]) -> list[Look | ProviderError]:
        """Return, in order, what is known of each write, or why it is refused: `Conflict` or `MemoryDeleted`.

        Those of a batch are looked for together; one by one where several providers have to be asked.
        """
        half = _half(execution)
        if len(states) == 1 or execution.route.is_restored:
            return await answer_all(states, lambda state: self._find(execution, state, half), _AT_ONCE)
        places: defaultdict[Owner, list[int]] = defaultdict(list)
        for place, state in enumerate(states):
            places[state.owner].append(place)
        looks: dict[int, Look | ProviderError] = {}
        for owner, some in places.items():
            found = await self._together(execution, owner, [states[place] for place in some], half)
            looks |= zip(some, found, strict=True)
        return [looks[place] for place in range(len(states))]

    async def find_one(self, execution: Execution, state: Snapshot) -> Look:
        """Return what is known of a single write.

        Raises:
            Conflict, MemoryDeleted: it is refused.
        """
        return await self._find(execution, state, _half(execution))

    async def _together(
        self, execution: Execution, owner: Owner, states: Sequence[Snapshot], half: Deadline
    ) -> list[Look | ProviderError]:
        """Look for writes of one owner with one call to the journal and one to a provider."""
        entries = await self.reader.entries(owner, [state.id for state in states], half)
        new = [state.id for state in states if state.id not in entries]
        heads: dict[str, Snapshot] | None = None
        with suppress(Unavailable):
            heads = await self.reader.heads(execution, owner, new, half) if new else {}

        def judge(state: Snapshot) -> Look | ProviderError:
            if heads is None:
                return _unlooked(state)
            try:
                return _judged(execution, state, heads.get(state.id), None)
            except Rejected as error:
                return error.with_traceback(None)  # a value now

        async def known(state: Snapshot) -> Look:
            return await self._known(execution, state, entries[state.id], half)

        judged = iter(await in_turns(judge, [state for state in states if state.id not in entries]))
        looks = iter(await answer_all([state for state in states if state.id in entries], known, _AT_ONCE))
        return [next(looks if state.id in entries else judged) for state in states]

    async def _find(self, execution: Execution, state: Snapshot, half: Deadline) -> Look:
        entry = await self.reader.entry(state.owner, state.id, half)
        if entry is not None:
            return await self._known(execution, state, entry, half)
        try:
            _, known = await self.reader.snapshot(execution, state.owner, state.id, half)
        except Unavailable:
            return _unlooked(state)
        return _judged(execution, state, known, None)

    async def _known(self, execution: Execution, state: Snapshot, entry: JournalEntry, half: Deadline) -> Look:
        known = entry.state
        if is_unverified(entry) and known.digest != state.digest:
            # Another write took the key while nobody could be asked, and perhaps this one came before it.
            _, held = await self.reader.snapshot(execution, state.owner, state.id, half, known=entry)
            known = held or known
        return _judged(execution, state, known, entry)


def _half(execution: Execution) -> Deadline:
    return execution.deadline.earlier(execution.deadline.remaining() / 2)


def creation(state: Snapshot) -> Operation:
    """Return the operation that stores a new memory."""
    return Operation(kind=OperationKind.REMEMBER, state=state)


def _unlooked(state: Snapshot) -> Operation:
    """Return the operation of a write that nobody could judge.

    If it repeats an earlier write after all, every later change has a newer version than this.
    """
    return creation(replace(state, version=OLDEST_VERSION))


def _judged(execution: Execution, state: Snapshot, known: Snapshot | None, entry: JournalEntry | None) -> Look:
    """Return what becomes of a write where a state is known, of which the journal may have an `entry`.

    Raises:
        Conflict: the id holds something else.
        MemoryDeleted: the memory was deleted.
    """
    if known is None:
        return creation(state)
    if entry is not None:
        execution.answered(JOURNAL)
    if known.deleted:
        raise MemoryDeleted(state.id)
    if known.digest != state.digest:
        raise Conflict(state.id)
    return Appended(entry=entry, repeated=True) if entry is not None and known is entry.state else known
