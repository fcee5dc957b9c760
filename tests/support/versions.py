"""All versions of a memory that a store holds, in their order, and a retention that keeps them whatever they are."""

from providers.owners import Owner
from providers.replica import Replica
from providers.retention import Retention
from providers.types import Snapshot

EVERY_VERSION = Retention(keep=1_000, days=200_000)  # versions of tests are small numbers, and so long ago


async def versions_of(store: Replica, owner: Owner, memory_id: str) -> list[Snapshot]:
    """Return the versions of a memory, the oldest first and its newest state, or its tombstone, last."""
    older = [state for state in await store.superseded(owner) if state.id == memory_id]
    newest = await store.snapshot(owner, memory_id)
    return older if newest is None else [*older, newest]
