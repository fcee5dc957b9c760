"""What is done when something changes behind the chain's back, and what the operator does afterwards."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from providers.introduction import StoreMark
from providers.journal.sqlite.journal import SqliteJournal
from providers.journal.sqlite.running import InlineRunner
from providers.types import Deletion, Snapshot
from tests.simulation.acting import id_of, owner_of
from tests.simulation.breach import Breach
from tests.simulation.following import (
    complete_in,
    epochs_in,
    everything_in,
    follow,
    identities_in,
    known_in,
    lost_between,
    mark_of,
    noted_in,
)
from tests.simulation.inventory import Copy, Held, all_of, copy_of, held_by, lacks, put_back
from tests.simulation.upset_journals import put_journal_back, replace_journal
from tests.simulation.upsets import Upset, UpsetKind
from tests.simulation.world import World

_COPY_SECONDS = 0.1  # between two states of a lagging replica, of which the last are known
_COPIES = 10
# The journal retains for some seconds only what it is to deliver again: the loss must be noticed by then.
_SECONDS_TO_LOOK = 2.0  # after the newest operation
_SECONDS_TO_NOTICE = 4.5  # in which nothing may stand in the way


async def upset(world: World, change: Upset) -> None:
    """Do it when the time has come."""
    await _ACTIONS[change.kind](world, change)


async def _roll_back(world: World, change: Upset) -> None:
    await asyncio.sleep(change.copied)
    copies = {name: copy_of(world.stores[name]) for name in change.names}
    await asyncio.sleep(change.at - change.copied)
    before = {name: await held_by(world.stores[name]) for name in change.names}
    everything = await everything_in(world)
    safe = complete_in(world) - set(change.names)
    epochs = epochs_in(world)
    if not epochs.keys() >= set(change.names):
        return  # nobody has a store yet that is still to be in the order
    noted = noted_in(world)
    for name, copy in copies.items():
        now = copy_of(world.stores[name])
        put_back(world.stores[name], copy)
        # What was lost since the last mark is found only if nothing has been written since then: see `_fail_over`.
        mark = await mark_of(world.stores[name])
        if (mark.epoch, mark.number) >= noted[name] if mark else not noted[name][1]:
            put_back(world.stores[name], now)
    rolled_back = [name for name in change.names if lacks(await held_by(world.stores[name]), before[name])]
    if not rolled_back:
        return
    breach = Breach(what=f"{rolled_back} put back", at=world.clock(), names=change.names, known=known_in(world))
    world.breaches.append(breach)
    put = [await held_by(store) for store in world.stores.values()]

    async def noticed() -> bool:
        now = epochs_in(world)
        held = {name: await held_by(world.stores[name]) for name in rolled_back}
        return all(now[name] > epochs[name] or not lacks(held[name], before[name]) for name in rolled_back)

    async def lost() -> Mapping[str, Snapshot | None]:
        now = await everything_in(world)
        return lost_between(everything, all_of([*put, now]), now)

    await follow(world, breach, noticed, None if safe else lost)


async def _replace(world: World, change: Upset) -> None:
    await asyncio.sleep(change.at)
    [name] = change.names
    right, last = world.stores[name], complete_in(world) <= {name}
    other = world.another_store(name)
    breach = Breach(what=f"{name} replaced", at=world.clock(), names=change.names, known=known_in(world))
    breach.admitting = any(one is not None and one.admitting_since <= breach.at for one in world.replicas)
    world.breaches.append(breach)
    world.stores[name] = other

    async def refused() -> bool:
        # Who has begun before that to put its order in force may have been told of the store that was there.
        return all(
            one is None
            or (one.admitting_since > breach.at and not (one.serves and name in one.membership.registrar.met))
            for one in world.replicas
        )

    async def noticed() -> bool:
        # A process that refuses it begins an epoch, while another one has not looked yet.
        taken_over = identities_in(world).get(name) == await other.identity()
        return world.stores[name] is right or taken_over or await refused()

    following = asyncio.ensure_future(follow(world, breach, noticed))
    await asyncio.sleep(change.seconds)
    if any(one and name in one.membership.registrar.refusals for one in world.replicas) and last:
        world.stores[name] = right
    await following


async def _split(world: World, change: Upset) -> None:
    await asyncio.sleep(change.at)
    [name] = change.names
    other = world.another_store(name)
    await world.end(change.replica)
    world.seen[change.replica, name] = other
    world.start(change.replica)
    await asyncio.sleep(change.seconds)
    await world.end(change.replica)
    del world.seen[change.replica, name]
    world.start(change.replica)


async def _set_clock(world: World, change: Upset) -> None:
    await asyncio.sleep(change.at)
    world.jumped[change.replica] += change.jump


async def _delete_at_one(world: World, change: Upset) -> None:
    await asyncio.sleep(change.at)
    name = change.names[0]
    store = world.stores[name]
    held = await store.snapshot(owner_of(change.memory), id_of(change.memory))
    if held is not None and not held.deleted and not any(world.script.weak):
        await store.erase(Deletion(owner=owner_of(change.memory), memory_id=id_of(change.memory)))
        world.deleted_at_one = (world.clock(), change.memory)


async def _fail_over(world: World, change: Upset) -> None:
    """Let a store go on as its lagging replica, which lacks the last that it confirmed, while nobody writes."""
    [name] = change.names
    store = world.stores[name]
    copies: list[tuple[Copy, StoreMark | None, Held]] = []
    while not world.clients_done or _pending_at(world, name):
        copies = [*copies[-_COPIES:], (copy_of(store), await mark_of(store), await held_by(store))]
        await asyncio.sleep(_COPY_SECONDS)
    if not _is_quiet(world):
        return
    [connection] = world.connections[:1]
    journal = SqliteJournal(connection.journal_id, InlineRunner(connection), InlineRunner(connection))
    newest = await journal.confirmed(name, 1, 0.0)
    mark, before, epochs = await mark_of(store), await held_by(store), epochs_in(world)
    for copy, of, held in reversed(copies):
        lost = lacks(held, before)
        if newest and of == mark and newest[0].state.id in lost and lost <= _young(world):
            put_back(store, copy)
            break
    else:
        return
    breach = Breach(what=f"{name} failed over", at=world.clock(), names=change.names, known=known_in(world))
    world.breaches.append(breach)

    async def noticed() -> bool:
        return epochs_in(world)[name] > epochs[name] or not lacks(await held_by(world.stores[name]), before)

    await follow(world, breach, noticed)


def _pending_at(world: World, name: str) -> bool:
    sql = "SELECT 1 FROM deliveries WHERE provider = ?"
    return any(connection.rows(sql, (name,)) for connection in world.connections)


def _young(world: World) -> set[str]:
    """Return the memories whose newest operation the journal will retain until it is noticed that it was lost."""
    sql = "SELECT memory_id FROM operations WHERE appended_at > ?"
    return {str(row[0]) for row in world.connections[0].rows(sql, (world.clock() - _SECONDS_TO_LOOK,))}


def _is_quiet(world: World) -> bool:
    begin = world.clock() - world.began
    end = begin + _SECONDS_TO_NOTICE
    return all(trouble.at > end or trouble.at + trouble.seconds < begin for trouble in world.script.troubles)


async def _nothing(world: World, change: Upset) -> None:
    """Do nothing: it is so from the beginning."""


_ACTIONS: dict[UpsetKind, Callable[[World, Upset], Awaitable[None]]] = {
    UpsetKind.ROLLBACK: _roll_back,
    UpsetKind.FAILOVER: _fail_over,
    UpsetKind.OLDER_JOURNAL: put_journal_back,
    UpsetKind.EMPTY_JOURNAL: replace_journal,
    UpsetKind.FOREIGN_JOURNAL: replace_journal,
    UpsetKind.REPLACED: _replace,
    UpsetKind.SPLIT: _split,
    UpsetKind.CLOCK: _set_clock,
    UpsetKind.DELETION: _delete_at_one,
    UpsetKind.FOUNDING: _nothing,
    UpsetKind.STALENESS: _nothing,
}
