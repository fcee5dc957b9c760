"""The tries at home that go on after their callers were answered 202: a few at a time, and each until it ends."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from providers import background
from providers.chain.waiting.home_try import HomeTry

# Tries that go on at a time in one process; each holds a slot of home, and reads need some of those.
MOST_BACKGROUND_TRIES = 32
_SHARE_OF_SLOTS = 0.5

# For what was given up to end and to be settled: the limit of a try is checked ten times a second.
_GIVE_UP_SECONDS = 0.5

Conclude = Callable[[HomeTry], Coroutine[Any, Any, None]]


class BackgroundTries:
    """Let tries go on; one too many is given up, and the relay makes its deliveries, many in one call."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[None], HomeTry] = {}
        self._by_seq: dict[int, HomeTry] = {}

    @property
    def idle(self) -> bool:
        """Whether none goes on, so that a write need not ask which of them delivers it."""
        return not self._by_seq

    def count(self, provider: str) -> int:
        """Return how many tries at a provider go on now."""
        return sum(attempt.home.name == provider for attempt in self._tasks.values())

    def delivering(self, seqs: Sequence[int]) -> list[HomeTry]:
        """Return the tries that deliver some of these operations."""
        found = (self._by_seq.get(seq) for seq in seqs)
        return list({id(one): one for one in found if one is not None}.values())

    def go_on(self, attempt: HomeTry, conclude: Conclude) -> None:
        """Let a try go on, and settle its deliveries by `conclude` when it has ended."""
        others = sum(other.home is attempt.home for other in self._tasks.values())
        if others >= most_background_tries(attempt.home.attempts.guards.bulkhead.limit):
            attempt.give_up()
        task = background.start_once(conclude(attempt), f"a late answer of {attempt.home.name}")
        self._tasks[task] = attempt
        self._by_seq.update(dict.fromkeys(attempt.seqs, attempt))
        task.add_done_callback(self._ended)

    async def finish(self, seconds: float) -> None:
        """Wait for the tries for so many seconds, then give up the rest: it is in the journal."""
        try:
            await self._wait(seconds)
            for attempt in self._tasks.values():
                attempt.give_up()
            await self._wait(_GIVE_UP_SECONDS)
        finally:
            await self.stop()

    async def stop(self) -> None:
        """Cancel what still goes on, and wait for its end."""
        tasks = [*self._tasks, *(attempt.task for attempt in self._tasks.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _wait(self, seconds: float) -> None:
        if self._tasks:
            await asyncio.wait([*self._tasks], timeout=seconds)

    def _ended(self, task: asyncio.Task[None]) -> None:
        attempt = self._tasks.pop(task)
        for seq in attempt.seqs:
            if self._by_seq.get(seq) is attempt:
                del self._by_seq[seq]


def most_background_tries(slots: int) -> int:
    """Return how many tries may go on at a provider with so many slots."""
    return max(1, min(MOST_BACKGROUND_TRIES, int(_SHARE_OF_SLOTS * slots)))
