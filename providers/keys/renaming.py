"""Renaming: give the memory of a key, or of all keys with one beginning, another key, and leave everything else."""

from collections.abc import Callable

from providers.answers import Changed
from providers.base import MemoryProvider
from providers.errors import InvalidInput, KeyNotFound, KeyTaken, MemoryNotFound
from providers.keys.listing import all_under
from providers.keys.looking import delete_superseded, look
from providers.limits import MAX_BATCH, check_key, check_key_prefix
from providers.owners import Owner
from providers.types import Edit, MemoryRecord

Named = Callable[[Edit], Edit]


async def rename(provider: MemoryProvider, owner: Owner, former: str, new: str, named: Named) -> list[Changed]:
    """Give the memory of one key another one; `named` as in `Put`.

    Raises:
        KeyNotFound: no memory has the key.
        KeyTaken: another memory has the new key.
        Unavailable: it is unknown whether it was done.
    """
    check_key(former, "from_key")
    check_key(new, "to_key")
    found = await look(provider, owner, former)
    if found.current is None:
        raise KeyNotFound(former)
    if former == new:
        return [Changed(memory=found.current)]
    if (await look(provider, owner, new)).current is not None:
        raise KeyTaken(new)
    await delete_superseded(provider, found)  # before the current one leaves, after which they would show again
    changed = await _renamed(provider, [_edit(found.current, new, named)])
    await delete_superseded(provider, await look(provider, owner, new))
    return changed


async def rename_all(provider: MemoryProvider, owner: Owner, former: str, new: str, named: Named) -> list[Changed]:
    """Give all memories whose keys begin with `former` keys that begin with `new` instead, in one transaction.

    Raises:
        InvalidInput: there are more than `MAX_BATCH`, or one of the keys would be too long.
        KeyNotFound, KeyTaken, Unavailable: as for `rename`.
    """
    check_key(former, "from_key")
    check_key_prefix(new, "to_key")
    moved = (await all_under(provider, owner, former, "from_key")).memories
    if not moved:
        raise KeyNotFound(former)
    if len(moved) > MAX_BATCH:
        raise InvalidInput("from_key", f"must be longer: more than {MAX_BATCH} memories have such a key")
    targets = {memory.id: new + (memory.key or "")[len(former) :] for memory in moved}
    for target in targets.values():
        check_key(target, "to_key")
    if former == new:
        return [Changed(memory=memory) for memory in moved]
    there = (await all_under(provider, owner, new, "to_key")).memories
    taken = {memory.key for memory in there if memory.id not in targets} & set(targets.values())
    if taken:
        raise KeyTaken(min(key for key in taken if key is not None))
    return await _renamed(provider, [_edit(memory, targets[memory.id], named) for memory in moved])


async def _renamed(provider: MemoryProvider, edits: list[Edit]) -> list[Changed]:
    """Make the edits together; one whose memory was deleted meanwhile has nothing to do."""
    changed: list[Changed] = []
    for outcome in await provider.change_many(edits):
        if isinstance(outcome, Changed):
            changed.append(outcome)
        elif not isinstance(outcome, MemoryNotFound):
            raise outcome
    return changed


def _edit(memory: MemoryRecord, key: str, named: Named) -> Edit:
    return named(Edit(owner=memory.owner, memory_id=memory.id, key=key))
