"""Runs in which a user is erased, while stores and processes fail, and one store is put back to what it was before."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import Random
from typing import TypeVar
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from providers.chain.overlay import OLDEST_VERSION
from providers.erasure.receipts import Erasure
from providers.errors import ProviderError, Unavailable
from providers.journal.sqlite.journal import SqliteJournal
from providers.journal.sqlite.running import InlineRunner
from providers.owners import Owner
from providers.types import Deletion, NewMemory, PageQuery
from tests.simulation.design import Design, RealDesign
from tests.simulation.drawing import script_with
from tests.simulation.inventory import copy_of, put_back
from tests.simulation.loop import simulate_fast
from tests.simulation.process import ReplicaProcess
from tests.simulation.script import FIRST_ORDER, Script
from tests.simulation.world import World
from tests.support.clock import FakeClock

ERASED = Owner("to be erased")
BACK = "written by the one who came back"
_MEMORIES = 6
_WRITTEN_BY = 3.0  # seconds
_PATIENCE = 4.0  # of a caller
_SETTLED_BY = 240.0  # seconds after which everything must be where it belongs
_CLEARED = 0.3  # that somebody deletes everything before the fence, and behind it
_CONFIRMED = 0.7  # of the runs that put a store back do so after the last look at it

Answer = TypeVar("Answer")


class ErasingRun(Struct, frozen=True):
    """What a run left behind that it should not have, and whether a store was put back in it."""

    wrong: list[str]
    restored: bool


def erasing_script(seed: int) -> Script:
    """Draw faults, crashes and slowness, without clients of their own and with one order."""
    return replace(script_with(seed, None), steps=(), old=(), switches=(), erases=True)


def run_erasing(seed: int, design: Design | None = None) -> ErasingRun:
    """Run the whole: write, erase, come back, put back."""

    async def main(clock: FakeClock) -> ErasingRun:
        world = World(erasing_script(seed), design or RealDesign(), clock)
        await world.prepare()
        happening = [
            *(asyncio.ensure_future(world.crash(crash)) for crash in world.script.crashes),
            *(asyncio.ensure_future(world.stall(stall)) for stall in world.script.stalls),
        ]
        told = await _Story(world, Random(f"erasing {seed}"), restores=seed % 3 > 0).run()
        await asyncio.gather(*happening)
        await world.close()
        for bug in world.bugs:
            raise bug
        return told

    return simulate_fast(main)


class _Story:
    def __init__(self, world: World, chance: Random, *, restores: bool) -> None:
        self._world, self._chance, self._restores = world, chance, restores
        self._tries = 0
        self._unjudged: set[str] = set()  # written, perhaps at the first try, while no store could tell what it has
        [connection] = set(world.connections)
        self._journal = SqliteJournal(connection.journal_id, InlineRunner(connection), InlineRunner(connection))
        self._connection = connection

    async def run(self) -> ErasingRun:
        world = self._world
        written = await self._write()
        await self._insist(lambda process: process.provider.erase(Deletion(owner=ERASED, memory_id=written)))
        self._give_up_one()
        name = self._chance.choice(FIRST_ORDER) if self._restores else None
        before = None if name is None else copy_of(world.stores[name])
        erasure = await self._insist(lambda process: process.eraser.request(ERASED))
        if self._chance.random() < _CLEARED:
            await self._insist(lambda process: process.provider.erase_all(ERASED))
        erasure = await self._awaited(erasure, lambda one: one.version > 0)
        if self._chance.random() < _CLEARED:
            await self._insist(lambda process: process.provider.erase_all(ERASED))
        back = await self._insist(
            lambda process: process.provider.store(
                NewMemory(owner=ERASED, content=BACK, memory_id=str(UUID(int=self._chance.getrandbits(128), version=4)))
            )
        )
        erasure = await self._awaited(erasure, lambda one: one.finished_at is not None)
        wrong = [] if erasure.finished_at is not None else ["the erasure is not finished"]
        await self._heard()
        wrong += await self._read("before anything is put back", erasure.version)
        if name is not None and before is not None:
            if self._chance.random() < _CONFIRMED:
                erasure = await self._awaited(erasure, lambda one: one.confirmed_at is not None)
            put_back(world.stores[name], before)
        await self._settled(erasure)
        erasure = await self._journal.erasure(erasure.id) or erasure
        wrong += [] if erasure.confirmed_at is not None else ["nobody has looked once more"]
        wrong += [*await self._left(erasure), *await self._read("in the end", erasure.version)]
        wrong += await self._missing(back.id, put_back_to=name)
        return ErasingRun(wrong, name is not None)

    async def _write(self) -> str:
        """Write memories, each at its moment and by any process; return the id of the last one."""
        memory_id = ""
        for number in range(_MEMORIES):
            await asyncio.sleep(self._chance.uniform(0, _WRITTEN_BY / _MEMORIES))
            memory_id = str(UUID(int=self._chance.getrandbits(128), version=4))
            memory = NewMemory(owner=ERASED, content=f"secret {number}", memory_id=memory_id)
            self._tries = 0
            stored = await self._insist(lambda process: process.provider.store(memory))  # noqa: B023 - awaited before the next turn
            if stored.version == OLDEST_VERSION or self._tries > 1:
                self._unjudged.add(memory_id)
        return memory_id

    def _give_up_one(self) -> None:
        """Let a deletion be a dead letter at a standby, which refused it again and again."""
        self._connection.run(
            """INSERT OR REPLACE INTO deliveries (user_id, seq, provider, due_at, made_at, failures, error)
            SELECT user_id, seq, ?, NULL, appended_at, 10, 'invalid' FROM operations
            WHERE user_id = ? AND kind = 'delete'
            ORDER BY seq DESC LIMIT 1""",
            (FIRST_ORDER[-1], ERASED.key),
        )

    async def _insist(self, ask: Callable[[ReplicaProcess], Awaitable[Answer]]) -> Answer:
        """Ask one process after the other until one answers."""
        while True:
            process = self._world.replicas[self._chance.randrange(len(self._world.replicas))]
            if process is not None and process.serves:
                self._tries += 1
                task = process.spawn(_called(ask, process))
                done, _ = await asyncio.wait([task], timeout=_PATIENCE)
                if not done:
                    task.cancel()
                elif not task.cancelled():
                    answer = task.result()
                    if not isinstance(answer, Unavailable):
                        return answer
            await asyncio.sleep(self._chance.uniform(0.05, 0.5))

    async def _awaited(self, erasure: Erasure, reached: Callable[[Erasure], bool]) -> Erasure:
        end = self._world.clock() + _SETTLED_BY
        while not reached(erasure) and self._world.clock() < end:
            await asyncio.sleep(0.1)
            erasure = await self._journal.erasure(erasure.id) or erasure
        return erasure

    async def _heard(self) -> None:
        """Wait until all processes have heard of the erasure, where a store keeps no list to refuse what comes late."""
        end = self._world.clock() + _SETTLED_BY
        while any(self._world.script.weak) and self._world.clock() < end:
            serving = [one for one in self._world.replicas if one is not None and one.serves]
            if all(one.fences.of(ERASED) for one in serving):
                return
            await asyncio.sleep(0.1)

    async def _settled(self, erasure: Erasure) -> None:
        """Wait until the faults are over, everything is delivered, and nobody has anything to erase."""
        end = self._world.clock() + _SETTLED_BY
        self._world.all_start()
        await asyncio.sleep(20.0)
        while self._world.clock() < end:
            self._world.all_start()
            pending = self._connection.rows("SELECT 1 FROM deliveries WHERE due_at IS NOT NULL")
            if not pending and not await self._left(erasure) and self._world.all_accepted():
                await asyncio.sleep(10.0)
                return
            await asyncio.sleep(1.0)

    async def _left(self, erasure: Erasure) -> list[str]:
        """Return what stores and journal still hold of the user that is not above the fence, or was deleted meanwhile.

        A deletion by whoever has not heard of the erasure must leave no name either, but where nobody could judge what
        it deletes: its tombstone is newer than all that it may repeat, and so it may be above the fence.
        """
        wrong = []
        for name in FIRST_ORDER:
            held = await self._world.stores[name].snapshots(ERASED)
            wrong += [
                f"{name} holds {one.content!r}"
                for one in held
                if one.version <= erasure.version or (one.deleted and one.id not in self._unjudged)
            ]
        rows = self._connection.rows(
            """SELECT state, memory_id, version FROM operations
            WHERE user_id = ? AND (version <= ? OR kind = 'delete' AND NOT trace)""",
            (ERASED.key, erasure.version),
        )
        wrong += [
            f"the journal holds {state}"
            for state, memory_id, version in rows
            if version <= erasure.version or memory_id not in self._unjudged
        ]
        orphans = """SELECT d.provider FROM deliveries AS d WHERE d.user_id = ? AND NOT EXISTS (
            SELECT 1 FROM operations AS o WHERE o.seq = d.seq)"""
        return wrong + [f"a delivery to {one} is left" for (one,) in self._connection.rows(orphans, (ERASED.key,))]

    async def _read(self, when: str, version: int) -> list[str]:
        """Return what a reader is shown of what was erased."""
        with suppress(ProviderError):
            page = await self._insist(lambda process: process.provider.page(PageQuery(owner=ERASED)))
            return [f"{when} a reader sees {one.content!r}" for one in page.memories if one.version <= version]
        return []

    async def _missing(self, memory_id: str, put_back_to: str | None) -> list[str]:
        """Return where what the user wrote after coming back is missing."""
        wrong = []
        for name in FIRST_ORDER:
            held = await self._world.stores[name].snapshot(ERASED, memory_id)
            if (held is None or held.content != BACK) and name != put_back_to:
                wrong.append(f"{name} lacks what was written afterwards")
        return wrong


async def _called(ask: Callable[[ReplicaProcess], Awaitable[Answer]], process: ReplicaProcess) -> Answer | Unavailable:
    try:
        return await ask(process)
    except Unavailable as error:
        return error
