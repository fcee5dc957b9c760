"""The steps of writes: what each makes of the state of one memory, by the rules that all providers share.

What callers give is copied, because they may change their metadata before it is written.
"""

from collections.abc import Callable
from copy import deepcopy
from functools import partial
from typing import Generic, TypeVar

from msgspec import Struct

from providers.answers import Stored
from providers.erasure.fences import NEVER_ERASED
from providers.errors import Conflict, MemoryDeleted, MemoryNotFound, ProviderError, Rejected
from providers.expiry import has_expired
from providers.owners import Owner
from providers.retention import is_superseded
from providers.states.clock import HybridClock, new_memory_id
from providers.states.editing import deleted_by, edited, first_state, is_meant, tombstone_of
from providers.states.merging import merged
from providers.states.touching import touched
from providers.touches import Touch
from providers.types import Deletion, Edit, MemoryRecord, NewMemory, Snapshot

Answer = TypeVar("Answer")
Item = TypeVar("Item")


class StateStep(Struct, Generic[Answer], frozen=True):
    """What is to become of one memory.

    `work` makes of its state, None if there is none, the next one and an answer; of a state that stays it returns the
    same. It may be called again, and raises `Rejected` to change nothing. What is `offered` may be an older version,
    and so belong to the history of the memory; what is offered as `history` is nothing else.
    """

    owner: Owner
    memory_id: str
    work: Callable[[Snapshot | None], tuple[Snapshot | None, Answer]]
    offered: Snapshot | None = None
    history: bool = False

    def superseded(self, before: Snapshot | None, after: Snapshot | None) -> list[Snapshot]:
        """Return the versions that belong to the history of the memory once the step is taken."""
        if after is not None and after.deleted:
            return []
        found = [] if before is None or before.deleted else [before]
        if self.offered is not None and (self.history or (after is not None and is_superseded(self.offered, after))):
            found.append(self.offered)
        return [one for one in found if after is None or one.version != after.version]


def checked(make: Callable[[Item], StateStep[Answer]], item: Item) -> StateStep[Answer] | ProviderError:
    """Return the step of an item, or why it is refused."""
    try:
        return make(item)
    except Rejected as error:
        return error.with_traceback(None)  # a value now


def storing(memory: NewMemory, clock: HybridClock) -> StateStep[Stored]:
    """Store a memory once; its answer is the id, which is minted if there is none, and the version.

    Raises:
        Conflict: the id holds another content or other metadata.
        MemoryDeleted: the id was deleted.
    """
    version = clock.next() if memory.version is None else memory.version
    clock.meet(version)
    memory_id = memory.memory_id or new_memory_id(clock.milliseconds)
    first = deepcopy(first_state(memory, memory_id, version, clock.moment()))
    return StateStep(memory.owner, memory_id, partial(_stored, first), first)


def changing(edit: Edit, clock: HybridClock, erased: int = NEVER_ERASED) -> StateStep[MemoryRecord]:
    """Apply an edit that is newer and was not applied before; its answer is the memory.

    What has a version up to that which is `erased` is no memory, though it may still be there.

    Raises:
        MemoryNotFound: there is no memory, or it has expired.
        Conflict: the last edits include another one of that name.
    """
    return StateStep(edit.owner, edit.memory_id, partial(_changed, edit, clock, erased))


def erasing(deletion: Deletion, erased: int = NEVER_ERASED) -> StateStep[int]:
    """Leave a tombstone where a memory is; its answer is 1 if there was one, or this very edit deleted it.

    Of what is `erased` see `changing`.
    """
    return StateStep(deletion.owner, deletion.memory_id, partial(_erased, deletion, erased))


def merging(state: Snapshot, clock: HybridClock) -> StateStep[ProviderError | None]:
    """Bring a memory to a state, unless what is there counts more.

    Its answer is None, or `MemoryDeleted` where a live memory met a tombstone.
    """
    clock.meet(state.version)
    own = deepcopy(state)
    return StateStep(state.owner, state.id, partial(_merged, own), own)


def touching(touch: Touch) -> StateStep[None]:
    """Note that somebody was given a memory, where one is whose expiry slides."""
    return StateStep(touch.owner, touch.memory_id, partial(_touched, touch))


def keeping(version: Snapshot, clock: HybridClock) -> StateStep[ProviderError | None]:
    """Leave a memory as it is, and add a version to its history; its answer is None.

    Raises:
        MemoryDeleted: the memory was deleted.
    """
    clock.meet(version.version)
    return StateStep(version.owner, version.id, partial(_kept, version.id), deepcopy(version), history=True)


def _stored(new: Snapshot, stored: Snapshot | None) -> tuple[Snapshot | None, Stored]:
    if stored is None:
        return new, Stored(id=new.id, version=new.version)
    if stored.deleted:
        raise MemoryDeleted(new.id)
    if stored.digest != new.digest:
        raise Conflict(new.id)
    return stored, Stored(id=new.id, version=stored.version)


def _changed(
    edit: Edit, clock: HybridClock, erased: int, stored: Snapshot | None
) -> tuple[Snapshot | None, MemoryRecord]:
    now = clock.moment()
    if stored is None or stored.deleted or stored.version <= erased or has_expired(stored, now):
        raise MemoryNotFound(edit.memory_id)
    version = edit.version
    if version is None:
        clock.observe(stored.version)
        version = clock.next()
    state = deepcopy(edited(stored, edit, version, now))
    return state, state.record


def _erased(deletion: Deletion, erased: int, stored: Snapshot | None) -> tuple[Snapshot | None, int]:
    if stored is None or stored.version <= erased:
        return stored, 0
    if stored.deleted:
        return stored, int(deleted_by(stored, deletion.edit_id))
    if not is_meant(deletion, stored):
        return stored, 0
    return tombstone_of(stored, deletion.edit_id, deletion.version), 1


def _touched(touch: Touch, stored: Snapshot | None) -> tuple[Snapshot | None, None]:
    return None if stored is None else touched(stored, touch.moment), None


def _kept(memory_id: str, stored: Snapshot | None) -> tuple[Snapshot | None, ProviderError | None]:
    if stored is not None and stored.deleted:
        raise MemoryDeleted(memory_id)
    return stored, None


def _merged(new: Snapshot, stored: Snapshot | None) -> tuple[Snapshot | None, ProviderError | None]:
    refusal = MemoryDeleted(new.id) if stored is not None and stored.deleted and not new.deleted else None
    return new if stored is None else merged(stored, new), refusal
