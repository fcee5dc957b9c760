"""Running a script: the clients act, the world misbehaves, and afterwards everything is read back."""

import asyncio
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from providers.chain.stores.claims import IDENTITY_SECONDS
from providers.journal.sqlite.connection import JournalConnection
from tests.simulation.acting import first_content, id_of, user_of
from tests.simulation.breach import Breach
from tests.simulation.client import Client
from tests.simulation.design import Design, RealDesign
from tests.simulation.events import Ending, Event
from tests.simulation.history import broken_promises, unknowable_clashes, written_in
from tests.simulation.inventory import held_by
from tests.simulation.judging import judged
from tests.simulation.keyed import broken_keys
from tests.simulation.links import RETENTION
from tests.simulation.loop import simulate_fast
from tests.simulation.script import JOURNAL, KEYS, Act, Script, Step
from tests.simulation.upsets import UpsetKind
from tests.simulation.upsetting import upset
from tests.simulation.versions import broken_histories, judges, versions_in
from tests.simulation.world import OLD, World
from tests.support.clock import FakeClock

_SETTLED_BY = 240.0  # seconds after the last act and fault, by when everything must be where it belongs
_JOURNALS = frozenset({UpsetKind.OLDER_JOURNAL, UpsetKind.EMPTY_JOURNAL, UpsetKind.FOREIGN_JOURNAL})
_NOTICED_BY = 10.0  # seconds after a change behind the chain's back, or after all faults have ended


class Run(Struct, frozen=True):
    """What a run brought to light: the history, the promises it breaks, and what is wrong behind the scenes.

    `breaches` is what became of the changes behind the chain's back after which answers may be wrong for a while.
    `doubled` is what a relay delivered again while it was under way: that costs a store work and breaks no promise, and
    where a process or a store is lost meanwhile it has to be.
    """

    events: list[Event]
    broken: list[str]
    unsettled: list[str]
    breaches: list[Breach]
    doubled: list[str]

    @property
    def wrong(self) -> list[str]:
        """Everything that must not be."""
        return [*self.broken, *self.unsettled]


class Besides(Protocol):
    """What happens in a run beside its script."""

    async def begin(self, world: World) -> None:
        """Begin, when the world is prepared and no client acts yet."""

    async def end(self, world: World) -> list[str]:
        """End, when everything has settled; return what is wrong."""


def run(script: Script, design: Design | None = None, besides: Besides | None = None) -> Run:
    """Run a script in simulated time."""

    async def main(clock: FakeClock) -> Run:
        world = World(script, design or RealDesign(), clock)
        await world.prepare()
        if besides is not None:
            await besides.begin(world)
        clients = [Client(world, number) for number in sorted({step.client for step in script.steps})]
        happening = [
            *(asyncio.ensure_future(world.crash(crash)) for crash in script.crashes),
            *(asyncio.ensure_future(world.switch(switch)) for switch in script.switches),
            *(asyncio.ensure_future(world.stall(stall)) for stall in script.stalls),
        ]
        upsetting = [asyncio.ensure_future(upset(world, change)) for change in script.upsets]
        for task in upsetting:
            task.add_done_callback(world.note_bug)
        await asyncio.gather(*(client.act() for client in clients))
        world.clients_done = True
        await asyncio.gather(*happening)
        await asyncio.wait(upsetting, timeout=_SETTLED_BY) if upsetting else None
        events = [*past(world), *(event for client in clients for event in client.events)]
        if besides is not None:
            await _settle(world, events)
            world.complaints += await besides.end(world)
        return await concluded(world, events, sorted({step.memory for step in script.steps}))

    return simulate_fast(main)


async def concluded(world: World, events: Sequence[Event], memories: Sequence[int]) -> Run:
    """Wait until everything has settled, read these memories back, end the world, and judge."""
    left = await _settle(world, events)
    unknowable = _unknowable(world, events)
    events = [*events, *await _read_back(world, memories)]
    differing = [] if await _waits_for_an_operator(world, unknowable) else await _compare(world, unknowable)
    differing += await _histories(world, events, unknowable)
    complaints = broken(world, events)
    await world.close()
    for bug in world.bugs:
        raise bug
    return Run(
        [*events],
        [*complaints, *_lost_sessions(world, events), *world.complaints],
        [*left, *differing, *_unnoticed(world)],
        world.breaches,
        world.weather.deliveries.doubled,
    )


def broken(world: World, events: Sequence[Event]) -> list[str]:
    """Hold what clients have seen so far against the promises."""
    forgotten_after = RETENTION.keep if any(world.script.weak) else float("inf")
    unknowable, written = _unknowable(world, events), written_in(events)
    return broken_keys(events) + judged(
        events,
        world.breaches,
        lambda events: broken_promises(events, RETENTION.keep, forgotten_after, unknowable, written),
    )


def _unknowable(world: World, events: Sequence[Event]) -> frozenset[str]:
    sql = """SELECT o.memory_id FROM deliveries AS d JOIN operations AS o ON o.seq = d.seq
        WHERE d.due_at IS NULL AND d.error = 'conflict'"""
    refused = {str(memory_id) for connection in world.connections for (memory_id,) in connection.rows(sql)}
    return unknowable_clashes(events, RETENTION.keep, refused, world.breaches)


def past(world: World) -> list[Event]:
    """Return the writes of what was there before the run, and the deletion of what one store alone knows."""
    deleted = [] if world.deleted_at_one is None else [_deletion(*world.deleted_at_one)]
    return deleted + [
        Event(
            act=Act.REMEMBER,
            user=user_of(memory),
            memory=id_of(memory),
            content=first_content(memory),
            started=world.began - OLD,
            ended=world.began - OLD,
            ending=Ending.DONE,
            provider=JOURNAL,
        )
        for memory in world.script.old
    ]


def _deletion(at: float, memory: int) -> Event:
    return Event(
        act=Act.DELETE,
        user=user_of(memory),
        memory=id_of(memory),
        content=None,
        started=at,
        ended=at,
        ending=Ending.UNKNOWN,
        at_one=True,
    )


async def _settle(world: World, events: Sequence[Event]) -> list[str]:
    """Wait until the faults are over and the journal has nothing left to deliver."""
    ends = [fault.at + fault.seconds for fault in world.script.faults]
    ends += [slow.at + slow.seconds for slow in world.script.slow]
    last = max(ends, default=0.0)
    await asyncio.sleep(max(0.0, world.began + last - world.clock()))
    await asyncio.sleep(5)  # the latest late write has landed
    deadline = world.clock() + _SETTLED_BY
    while world.clock() < deadline:
        unknowable = _unknowable(world, events)  # what is refused becomes known while it is delivered
        if (
            world.all_accepted()
            and await _spread(world)
            and not any(_left(connection, unknowable) for connection in world.connections)
        ):
            await asyncio.sleep(1)  # until every replica knows
            return []
        await asyncio.sleep(2)
    if not await _spread(world):
        return ["what one store knew as deleted is there"]
    unknowable = _unknowable(world, events)
    accepted = world.all_accepted() or await _waits_for_an_operator(world, unknowable)
    unfilled = [] if accepted else ["somebody has not received everything"]
    return unfilled + [
        f"still in the journal: {left}" for connection in world.connections if (left := _left(connection, unknowable))
    ]


async def _waits_for_an_operator(world: World, unknowable: AbstractSet[str]) -> bool:
    """Return whether the stores differ in nothing but deletions of which nobody knows any more.

    The journal was put back to a moment before them, and the stores keep no tombstones: only a merge, which an operator
    asks for, brings those memories back.
    """
    older = any(change.kind is UpsetKind.OLDER_JOURNAL for change in world.script.upsets)
    if not older or not all(world.script.weak) or not await _compare(world, unknowable):
        return False
    return not await _compare(world, frozenset(unknowable).union(*(breach.lost for breach in world.breaches)))


async def _spread(world: World) -> bool:
    """Return whether what one store alone knew as deleted is nowhere any more."""
    if world.deleted_at_one is None:
        return True
    memory = id_of(world.deleted_at_one[1])
    return all(
        memory not in held or held[memory].deleted
        for held in [await held_by(world.stores[name]) for name in world.script.order]
    )


def _left(connection: JournalConnection, unknowable: AbstractSet[str]) -> list[object]:
    deliveries = connection.rows(
        """SELECT o.memory_id, d.provider, d.due_at, d.error
        FROM deliveries AS d JOIN operations AS o ON o.seq = d.seq"""
    )
    tombstones = connection.rows("SELECT memory_id, seq FROM operations WHERE kind = 'delete'")
    return [*(row for row in deliveries if row[0] not in unknowable), *tombstones]


async def _read_back(world: World, memories: Sequence[int]) -> list[Event]:
    """Ask every replica for everything once more; now there is no excuse."""
    reader = Client(world, -1)
    users = {user_of(memory): memory for memory in memories}
    for index in range(len(world.replicas)):
        for memory in memories:
            act = Act.GET if memory // 2 % len(world.replicas) == index else Act.RECALL
            await reader.do(0, Step(-1, 0.0, act, memory, index, 0))
        for memory in users.values():
            await reader.do(0, Step(-1, 0.0, Act.LIST, memory, index, 0))
            for key in range(KEYS):
                await reader.do(0, Step(-1, 0.0, Act.GET_KEY, memory % 2 + 2 * key, index, 0))
    return [replace(event, final=True) for event in reader.events]


async def _compare(world: World, unknowable: AbstractSet[str]) -> list[str]:
    """Hold the stores against each other: the same live memories with the same contents, everywhere."""
    contents = []
    for name in world.script.order:
        store = world.stores[name]
        contents.append(
            {
                (state.user_id, state.id): (state.content, state.metadata)
                for owner in await store.owners()
                for state in await store.snapshots(owner)
                if not state.deleted and state.id not in unknowable
            }
        )
    return [f"the stores differ: {contents[0]} and {other}" for other in contents[1:] if other != contents[0]]


async def _histories(world: World, events: Sequence[Event], unknowable: AbstractSet[str]) -> list[str]:
    """Hold the histories in the stores against each other, and against what was acknowledged."""
    if not judges(world.script):
        return []
    found = {name: await versions_in(world.stores[name]) for name in world.script.order}
    held = [await held_by(world.stores[name]) for name in world.script.order]
    living = {memory for one in held for memory, state in one.items() if not state.deleted}
    return broken_histories(events, found, living, unknowable)


def _lost_sessions(world: World, events: Sequence[Event]) -> list[str]:
    """Return the sessions that were refused although the journal is the one that it was."""
    if not _JOURNALS.isdisjoint(change.kind for change in world.script.upsets):
        return []
    return [f"a session is lost: {event}" for event in events if event.ending is Ending.LOST]


def _unnoticed(world: World) -> list[str]:
    """Return what was noticed too late, or never."""
    script = world.script
    quiet = world.began + max((trouble.at + trouble.seconds for trouble in script.troubles), default=0.0)
    return [
        f"{breach.what} at {breach.at}, and noticed at {breach.noticed}"
        for breach in world.breaches
        if breach.noticed is None
        or breach.noticed > max(breach.at, quiet) + _NOTICED_BY + IDENTITY_SECONDS * _claimed(world, breach)
    ]


def _claimed(world: World, breach: Breach) -> bool:
    """Return whether the store from before has to be waited for: somebody saw it who cannot say that it is gone."""
    crashed = [world.began + crash.at for crash in world.script.crashes]
    return breach.admitting or any(breach.at - IDENTITY_SECONDS < moment <= breach.at for moment in crashed)
