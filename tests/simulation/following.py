"""What becomes of a change behind the chain's back: what is lost, when it is noticed, and when all is well again."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from providers.introduction import StoreMark
from providers.replica import Replica
from providers.types import Snapshot
from tests.simulation.breach import Breach
from tests.simulation.inventory import all_of, held_by, known_to, lacks
from tests.simulation.world import World

_LOOK_SECONDS = 0.05
_HEARD_SECONDS = 1.0  # until every process has read again who may answer


async def follow(
    world: World,
    breach: Breach,
    noticed: Callable[[], Awaitable[bool]],
    lost: Callable[[], Awaitable[Mapping[str, Snapshot | None]]] | None = None,
) -> None:
    """Find out when a breach is noticed everywhere, and when all is complete again.

    What the journal forgets before it is noticed is `lost` as well.
    """
    while not await noticed():  # noqa: ASYNC110 - no event tells
        await asyncio.sleep(_LOOK_SECONDS)
    if lost is not None:
        breach.lost = await lost()
    filling = asyncio.ensure_future(_filled(world, breach))
    while not (await noticed() and _heard(world, breach.names)):  # noqa: ASYNC110 - no event tells
        await asyncio.sleep(_LOOK_SECONDS)
    await asyncio.sleep(_HEARD_SECONDS)
    breach.noticed = world.clock()
    breach.known &= known_in(world)
    await filling
    while not world.filled():  # noqa: ASYNC110 - no event tells
        await asyncio.sleep(_LOOK_SECONDS)
    await asyncio.sleep(_HEARD_SECONDS)
    breach.complete = world.clock()


async def _filled(world: World, breach: Breach) -> None:
    """Note when all is filled for the first time, from when on nobody need mark an answer."""
    while not world.filled():  # noqa: ASYNC110 - no event tells
        await asyncio.sleep(_LOOK_SECONDS)
    breach.filled = world.clock()


def _heard(world: World, names: Sequence[str]) -> bool:
    """Return whether no process takes for complete who is not."""
    complete = complete_in(world)
    return all(
        one is None or not one.serves or name in complete or name not in one.route.in_sync
        for one in world.replicas
        for name in names
    )


def epochs_in(world: World) -> dict[str, int]:
    """Return the epoch of each member."""
    return {
        str(name): int(epoch)
        for connection in world.connections
        for name, epoch in connection.rows("SELECT name, epoch FROM members")
    }


def identities_in(world: World) -> dict[str, str | None]:
    """Return the identity of the store of each member."""
    return {
        str(name): None if identity is None else str(identity)
        for connection in world.connections
        for name, identity in connection.rows("SELECT name, identity FROM members")
    }


def noted_in(world: World) -> dict[str, tuple[int, int]]:
    """Return the epoch of each member with the number of the last mark that its store is known to have."""
    return {
        str(name): (int(epoch), int(noted))
        for connection in world.connections
        for name, epoch, noted in connection.rows("SELECT name, epoch, noted FROM members")
    }


def complete_in(world: World) -> set[str]:
    """Return the members that have received everything."""
    return {
        str(name)
        for connection in world.connections
        for (name,) in connection.rows("SELECT name FROM members WHERE state = 'complete'")
    }


def known_in(world: World) -> frozenset[str]:
    """Return the memories of which the journal knows."""
    return frozenset(memory_id for connection in world.connections for memory_id in known_to(connection))


async def everything_in(world: World) -> Mapping[str, Snapshot]:
    """Return what all stores and journals hold together."""
    stores = [await held_by(store) for store in world.stores.values()]
    return all_of([*stores, *map(known_to, world.connections)])


def lost_between(
    before: Mapping[str, Snapshot], after: Mapping[str, Snapshot], now: Mapping[str, Snapshot]
) -> dict[str, Snapshot | None]:
    """Return the memories of which something was lost, with what is left of each.

    A deletion that was carried out `after` all may leave no trace, once the journal has forgotten it: it is not lost if
    nobody holds the memory `now`.
    """
    gone = {memory_id for memory_id, state in before.items() if state.deleted and memory_id not in now}
    return {memory_id: after.get(memory_id) for memory_id in lacks(after, before) - gone}


async def mark_of(store: Replica) -> StoreMark | None:
    """Return the mark that a store has."""
    return (await store.introduce()).mark
