"""Bringing operations to a provider: which of its methods takes which kind."""

from collections.abc import Sequence

from msgspec import Struct

from providers.chain.link import Link
from providers.chain.policy import OperationClass
from providers.chain.turn import Turn
from providers.errors import MemoryDeleted, ProviderError
from providers.journal.operations import Operation, OperationKind
from providers.replica import Replica
from providers.types import NewMemory, Snapshot

_CLASSES = {
    OperationKind.REMEMBER: OperationClass.REMEMBER,
    OperationKind.UPDATE: OperationClass.REMEMBER,
    OperationKind.DELETE: OperationClass.DELETE,
}


class Change(Struct, frozen=True):
    """What an operation does, wherever it comes from."""

    kind: OperationKind
    state: Snapshot


async def bring(link: Link, change: Change, turn: Turn) -> None:
    """Apply one change while its caller waits; harmless to repeat.

    Raises:
        Conflict: a memory to remember is there with another content.
        MemoryDeleted: it was deleted there.
    """
    await link.call(lambda provider: _apply(provider, change), _CLASSES[change.kind], turn)


async def bring_many(
    link: Link, changes: Sequence[Change], operation: OperationClass, turn: Turn
) -> list[ProviderError | None]:
    """Apply many changes, and give in order None or why it was not applied.

    Raises:
        Unavailable: nothing is known of any of them.
    """
    new = [(place, change) for place, change in enumerate(changes) if change.kind is OperationKind.REMEMBER]
    rest = [(place, change) for place, change in enumerate(changes) if change.kind is not OperationKind.REMEMBER]
    results: list[ProviderError | None] = [None] * len(changes)
    if new:
        memories = [new_memory(change.state) for _, change in new]
        stored = await link.call(lambda provider: provider.remember_many(memories), operation, turn, size=len(memories))
        for (place, _), outcome in zip(new, stored, strict=True):
            results[place] = outcome if isinstance(outcome, ProviderError) else None
    if rest:
        states = [change.state for _, change in rest]
        put = await link.call(lambda provider: provider.put_many(states), operation, turn, size=len(states))
        for (place, change), failure in zip(rest, put, strict=True):
            # Where a tombstone is wanted, one that is there already is what was wanted.
            results[place] = None if change.state.deleted and isinstance(failure, MemoryDeleted) else failure
    return results


def burial_of(state: Snapshot) -> Operation:
    """Give the deletion that brings everywhere what one provider has told: that this memory was deleted long ago.

    The others may have forgotten it, and have stored what came late.
    """
    tombstone = Snapshot(
        user_id=state.user_id, id=state.id, version=state.version, content=None, created_at=state.created_at
    )
    return Operation(kind=OperationKind.DELETE, state=tombstone)


def new_memory(state: Snapshot) -> NewMemory:
    """Give a live state as what is handed to `remember`."""
    return NewMemory(
        user_id=state.user_id,
        content=state.content or "",
        metadata=state.metadata,
        memory_id=state.id,
        version=state.version,
        created_at=state.created_at,
    )


async def _apply(provider: Replica, change: Change) -> None:
    state = change.state
    if change.kind is OperationKind.REMEMBER:
        await provider.remember(
            state.user_id,
            state.content or "",
            state.metadata,
            memory_id=state.id,
            version=state.version,
            created_at=state.created_at,
        )
    else:
        [failure] = await provider.put_many([state])
        if failure is not None:
            raise failure
