"""Apply operations of the journal to a provider, each kind by the method that takes it."""

from collections.abc import Sequence

from msgspec import Struct

from providers.batches import answer_all
from providers.chain.deadline import CallOptions
from providers.chain.link import Link
from providers.chain.policy import OperationClass
from providers.errors import MemoryDeleted, OwnerErased, ProviderError, Rejected
from providers.journal.operations import Operation, OperationKind
from providers.owners import Owner
from providers.states.editing import first_write_of, tombstone_for
from providers.types import NewMemory, Snapshot

_AT_ONCE = 4  # looks for tombstones


class Change(Struct, frozen=True):
    """The effect of an operation, whether it comes from a request or from the journal."""

    kind: OperationKind
    state: Snapshot


async def apply_all(
    link: Link, changes: Sequence[Change], operation: OperationClass, options: CallOptions
) -> list[ProviderError | None]:
    """Apply changes; return, in order, None or the reason why each was not applied. Repeating the call is harmless.

    Raises:
        Unavailable: it is unknown for all of them whether they were applied.
    """
    new = [(place, change) for place, change in enumerate(changes) if change.kind is OperationKind.REMEMBER]
    rest = [(place, change) for place, change in enumerate(changes) if change.kind is not OperationKind.REMEMBER]
    results: list[ProviderError | None] = [None] * len(changes)
    if new:
        memories = [first_write_of(change.state) for _, change in new]
        stored = await link.call(
            lambda provider: provider.store_many(memories),
            operation,
            options,
            size=len(memories),
            owner=only_owner(memories),
        )
        for (place, _), outcome in zip(new, stored, strict=True):
            results[place] = _unless_erased(outcome) if isinstance(outcome, ProviderError) else None
    if rest:
        states = [change.state for _, change in rest]
        put = await link.call(
            lambda provider: provider.put_many(states), operation, options, size=len(states), owner=only_owner(states)
        )
        for (place, change), failure in zip(rest, put, strict=True):
            # A deletion that meets a tombstone has reached its goal.
            reached = change.state.deleted and isinstance(failure, MemoryDeleted)
            results[place] = None if reached else _unless_erased(failure)
    return results


async def keep_versions(
    link: Link, states: Sequence[Snapshot], operation: OperationClass, options: CallOptions
) -> list[ProviderError | None]:
    """Put superseded versions into the history that a provider keeps; return outcomes as `apply_all` does.

    Raises:
        Unavailable: it is unknown for all of them whether they were put.
    """
    if not states or not link.provider.keeps_history:  # another store may have had its name when they were appended
        return [None] * len(states)
    kept = await link.call(
        lambda provider: provider.put_versions(states), operation, options, size=len(states), owner=only_owner(states)
    )
    return list(map(_unless_erased, kept))


def _unless_erased(failure: ProviderError | None) -> ProviderError | None:
    """Return a failure, unless it is that the owner was erased: nothing of the owner is to be anywhere any more."""
    return None if isinstance(failure, OwnerErased) else failure


async def tombstones_met(
    link: Link, states: Sequence[Snapshot], operation: OperationClass, options: CallOptions
) -> list[Operation]:
    """Return the deletions that propagate the tombstones which these writes have met at a provider.

    The others may have collected them as garbage and may since have stored a late write. Each is propagated as it is,
    so that a repetition of that deletion is still recognised.

    Raises:
        Unavailable: the provider does not show them.
    """

    async def look(state: Snapshot) -> Snapshot | None:
        return await link.call(
            lambda provider: provider.snapshot(state.owner, state.id), operation, options, owner=state.owner
        )

    found = await answer_all(states, look, _AT_ONCE, values=Rejected)
    return [
        propagated(held if isinstance(held, Snapshot) and held.deleted else state)
        for state, held in zip(states, found, strict=True)
    ]


def only_owner(written: Sequence[NewMemory | Snapshot]) -> Owner | None:
    """Return the owner of all that is written, None if there are several."""
    if len(written) == 1:
        return written[0].owner
    owners = {one.owner for one in written}
    return owners.pop() if len(owners) == 1 else None


def propagated(state: Snapshot) -> Operation:
    """Return the deletion that propagates a tombstone; of a live state it makes one of the same version."""
    tombstone = state if state.deleted else tombstone_for(state, state.version)
    return Operation(kind=OperationKind.DELETE, state=tombstone)
