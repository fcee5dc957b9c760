"""Long works of one event loop, one at a time, so that many of them at once hold it up no more than one does."""

import asyncio
from collections.abc import Generator
from typing import TypeVar
from weakref import WeakKeyDictionary

from providers.timing.turns import Turns

Done = TypeVar("Done")

_locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


async def stepwise(steps: Generator[None, None, Done], clock: Turns | None = None) -> Done:
    """Return what a work made of steps returns, with turns of the loop in between.

    Work that takes but one slice waits for nobody; what is longer goes on one after the other.
    """
    turns = clock or Turns()
    done = _slice(steps, turns)
    if done is not None:
        return done[0]
    loop = asyncio.get_running_loop()
    async with _locks.setdefault(loop, asyncio.Lock()):
        while done is None:
            await turns.turn()
            done = _slice(steps, turns)
    return done[0]


def whole(steps: Generator[None, None, Done]) -> Done:
    """Return what a work made of steps returns, without turns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            done: Done = end.value
            return done


def _slice(steps: Generator[None, None, Done], turns: Turns) -> tuple[Done] | None:
    """Do as many steps as fit into a slice, one at least; return what all of them return once they are through."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return (end.value,)
        if turns.due:
            return None
