"""Memories whose expiry slides, in a run: touched at one store alone before it, or by readers while others change them.

A touch promises nobody that a memory is seen; but what was touched is not erased, whichever store knows of it.
"""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from random import Random

from msgspec.structs import replace

from providers.errors import ProviderError
from providers.owners import Owner
from providers.states.clock import COUNTER_BITS
from providers.states.editing import first_state
from providers.states.touching import touched
from providers.touches import Touch
from providers.types import NewMemory
from tests.simulation.acting import HOUR, SLIDING_SECONDS, id_of, owner_of
from tests.simulation.drawing import lapsing_script
from tests.simulation.inventory import held_by
from tests.simulation.script import FIRST_ORDER, LAPSING, MEMORIES, NEVER, PROVIDERS, Act, Script
from tests.simulation.world import OLD, World
from tests.support.clock import START

_FIRST = MEMORIES + NEVER + LAPSING
_TOUCHED = range(_FIRST, _FIRST + 6)  # more memories, each known to be touched to one store
_UNTOUCHED = range(_FIRST + 6, _FIRST + 8)  # more, which nobody was given
_NOBODY = Owner("nobody")  # of them, so that no client meets them
_EVERY = 0.1  # seconds, in which a reader touches one of those that clients change


def sliding_script(seed: int) -> Script:
    """Draw a run with sweeps, whose clocks are right, in which what is remembered has an expiry that slides."""
    script = lapsing_script(seed)
    steps = tuple(replace(step, slides=step.act is Act.REMEMBER) for step in script.steps)
    # What keeps no tombstones and no states notes no touches either.
    return replace(script, steps=steps, skews=(0.0, 0.0), weak=(False,) * len(PROVIDERS))


class Sliding:
    """Put the memories before a run, touch what clients change in it, and look afterwards what is left."""

    def __init__(self, seed: int) -> None:
        self._chance = Random(f"sliding {seed}")
        self._reader: asyncio.Task[None] | None = None
        self.erased = 0  # of those that nobody was given

    async def begin(self, world: World) -> None:
        """Put them into all stores; the touch of each is known to one, before any sweep looks at it."""
        version = int((world.clock() - OLD) * 1_000) << COUNTER_BITS
        for number in (*_TOUCHED, *_UNTOUCHED):
            memory = NewMemory(
                owner=_NOBODY,
                content=f"sliding {number}",
                created_at=datetime.fromtimestamp(world.clock() - OLD, UTC),
                expires_at=datetime.fromtimestamp(START - 2 * HOUR, UTC),
                sliding_seconds=SLIDING_SECONDS,
            )
            state = first_state(memory, id_of(number), version, datetime.fromtimestamp(world.clock(), UTC))
            knows = self._chance.choice(FIRST_ORDER)
            if number in _TOUCHED:
                given = touched(state, datetime.fromtimestamp(world.clock(), UTC))
                await world.stores[knows].put_many([given])
            for name in FIRST_ORDER:
                if name != knows or number in _UNTOUCHED:
                    await world.stores[name].put_many([state])
        self._reader = asyncio.ensure_future(self._touch(world))

    async def end(self, world: World) -> list[str]:
        """Return what was touched and is gone from some store."""
        if self._reader is not None:
            self._reader.cancel()
        held = {name: await held_by(world.stores[name]) for name in world.script.order}
        living = {name: {one for one, state in states.items() if not state.deleted} for name, states in held.items()}
        self.erased = sum(id_of(number) not in living[name] for name in living for number in _UNTOUCHED)
        return [
            f"{name} has lost memory {number}, which was touched"
            for name in living
            for number in _TOUCHED
            if id_of(number) not in living[name]
        ]

    async def _touch(self, world: World) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            index, number = self._chance.randrange(len(world.replicas)), self._chance.randrange(MEMORIES)
            replica = world.replicas[index]
            if replica is None or not replica.serves:
                continue
            moment = datetime.fromtimestamp(world.wall(index), UTC)
            called = world.design.called(replica.provider, lambda process=replica: process.route)  # type: ignore[misc] # mypy knows no types of defaults
            with suppress(ProviderError, TimeoutError):
                async with asyncio.timeout(4.0):
                    await called.touch([Touch(owner=owner_of(number), memory_id=id_of(number), moment=moment)])
