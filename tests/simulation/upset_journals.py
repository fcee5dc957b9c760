"""What is done when the journal of a run is not the one that it was, and what the operator does then."""

import asyncio
from collections.abc import Mapping

from providers.journal.operations import MemberState, Operation, OperationKind
from providers.journal.sqlite.connection import JournalConnection
from providers.journal.sqlite.journal import SqliteJournal
from providers.journal.sqlite.opening import open_memory
from providers.journal.sqlite.running import InlineRunner
from providers.types import NewMemory, Snapshot
from tests.simulation.acting import owner_of
from tests.simulation.breach import Breach
from tests.simulation.following import epochs_in, everything_in, follow, lost_between
from tests.simulation.inventory import all_of, copy_of_journal, held_by
from tests.simulation.journal import Notifier
from tests.simulation.script import REPLICAS
from tests.simulation.stores import state_of
from tests.simulation.upsets import Upset, UpsetKind
from tests.simulation.world import World
from tests.support.states import moment_of

_WAY_ON = "`ninai journal adopt`"
_FOREIGN = "what another installation knows"


async def put_journal_back(world: World, change: Upset) -> None:
    """Put the journal back to an earlier state while no process runs."""
    await asyncio.sleep(change.copied)
    connection = world.connections[0]
    copy = copy_of_journal(connection)
    members = connection.rows("SELECT name, reserved FROM members WHERE identity IS NOT NULL")
    reserved = {str(name): int(number) for name, number in members}
    await asyncio.sleep(change.at - change.copied)
    marks = {name: (await world.stores[name].introduce()).mark for name in reserved}
    # An older journal whose stores have got no mark since then cannot be told from the right one.
    if all(mark is None or mark.number <= reserved[name] for name, mark in marks.items()):
        copy.close()
        return
    breach = Breach(what="the journal put back", at=world.clock(), names=tuple(reserved), known=frozenset())
    world.breaches.append(breach)
    await world.all_end()
    everything = await everything_in(world)
    copy.backup(connection.raw)
    copy.close()
    stored = [await held_by(store) for store in world.stores.values()]
    epochs = epochs_in(world)
    world.all_start()

    async def noticed() -> bool:
        now = epochs_in(world)
        return all(now[name] > epochs[name] for name in reserved)

    async def lost() -> Mapping[str, Snapshot | None]:
        now = await everything_in(world)
        left = all_of([*stored, now])
        # Of what was deleted although no store had it, the journal alone knew.
        forgotten = [memory_id for memory_id, state in everything.items() if state.deleted and memory_id not in left]
        return {**lost_between(everything, left, now), **dict.fromkeys(forgotten)}

    await follow(world, breach, noticed, lost)


async def replace_journal(world: World, change: Upset) -> None:
    """Start all processes with another journal, which they must refuse, until the right one is brought back."""
    await asyncio.sleep(change.at)
    right = world.connections
    marked = [(await world.stores[name].introduce()).mark for name in world.orders[0]]
    if None in marked:
        return  # what nobody has marked yet may be anybody's
    wrong = open_memory(world.clock)
    if change.kind is UpsetKind.FOREIGN_JOURNAL:
        await _of_another(world, wrong)
    # Before they end: a crashed one may come back while the others still do.
    _connect(world, [wrong] * REPLICAS)
    await world.all_end()
    refused = len(world.refusals)
    world.all_start()
    await asyncio.sleep(change.seconds)
    _connect(world, right)
    await world.all_end()
    refusals = world.refusals[refused:]
    world.complaints += [f"refused without a way on: {reason}" for reason in refusals if _WAY_ON not in reason]
    wrong.close()
    world.all_start()


async def _of_another(world: World, connection: JournalConnection) -> None:
    """Fill the journal of another installation, in which something is pending."""
    journal = SqliteJournal(connection.journal_id, InlineRunner(connection), InlineRunner(connection))
    await journal.installation("another installation")
    for name in world.orders[0]:
        await journal.join(name, f"another {name}", MemberState.COMPLETE)
    version = 1 << 30
    memory = NewMemory(
        owner=owner_of(0), content=_FOREIGN, memory_id="foreign", version=version, created_at=moment_of(version)
    )
    await journal.append([Operation(kind=OperationKind.REMEMBER, state=state_of(memory))])


def _connect(world: World, connections: list[JournalConnection]) -> None:
    world.connections = connections
    world.notifiers |= {id(one): Notifier(one, world.chance) for one in connections if id(one) not in world.notifiers}
