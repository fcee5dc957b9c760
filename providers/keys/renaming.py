"""Renaming: give the memory of a key, or of all keys with one beginning, another key, and leave everything else."""

from collections.abc import Callable

from providers.answers import Changed
from providers.base import MemoryProvider
from providers.errors import InvalidInput, KeyNotFound, KeyTaken, MemoryNotFound
from providers.expiry import has_expired
from providers.keys.listing import all_under
from providers.keys.looking import delete_superseded, free, look
from providers.limits import MAX_BATCH, check_key, check_key_prefix
from providers.owners import Owner
from providers.states.clock import Milliseconds, moment_of, wall_clock_ms
from providers.types import Edit, MemoryRecord

Named = Callable[[Edit], Edit]


async def rename(
    provider: MemoryProvider,
    owner: Owner,
    former: str,
    new: str,
    named: Named,
    now_ms: Milliseconds = wall_clock_ms,
) -> list[Changed]:
    """Give the memory of one key another one; `named` as in `Put`.

    Raises:
        KeyNotFound: no memory has the key, or it has expired.
        KeyTaken: another memory has the new key.
        Unavailable: it is unknown whether it was done.
    """
    check_key(former, "from_key")
    check_key(new, "to_key")
    found = await look(provider, owner, former, now_ms)
    if found.current is None:
        raise KeyNotFound(former)
    if former == new:
        return [Changed(memory=found.current)]
    there = await look(provider, owner, new, now_ms)
    if there.current is not None:
        raise KeyTaken(new)
    await free(provider, there)
    await delete_superseded(provider, found)  # before the current one leaves, after which they would show again
    changed = await _renamed(provider, [_edit(found.current, new, named)])
    await delete_superseded(provider, await look(provider, owner, new, now_ms))
    return changed


async def rename_all(
    provider: MemoryProvider,
    owner: Owner,
    former: str,
    new: str,
    named: Named,
    now_ms: Milliseconds = wall_clock_ms,
) -> list[Changed]:
    """Give all memories whose keys begin with `former` keys that begin with `new` instead, in one transaction.

    Raises:
        InvalidInput: there are more than `MAX_BATCH`, or one of the keys would be too long.
        KeyNotFound, KeyTaken, Unavailable: as for `rename`.
    """
    check_key(former, "from_key")
    check_key_prefix(new, "to_key")
    now = moment_of(now_ms)
    under = (await all_under(provider, owner, former, "from_key")).memories
    moved = [memory for memory in under if not has_expired(memory, now)]
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
    wanted = set(targets.values())
    others = {memory.key or "": memory for memory in there if memory.id not in targets and memory.key in wanted}
    taken = [key for key, memory in others.items() if not has_expired(memory, now)]
    if taken:
        raise KeyTaken(min(taken))
    for key in others:
        await free(provider, await look(provider, owner, key, now_ms))
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
