"""What users hold, as this process knows it: counted at the store, and kept up with what is written through here."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from msgspec import Struct

from providers import background
from providers.errors import ProviderError
from providers.holdings import Holdings
from providers.owners import Owner

MOST_USERS = 100_000  # that are remembered; of the others the count is asked for again
PATIENCE = 1.0  # seconds that a write waits for a count; then it is taken, and the count is there for the next one
# A count is made anew after so many seconds, and near the quota sooner, since other processes write as well. One that
# takes long is made less often, so that counting takes up a twentieth of the time at most.
AGE, AGE_NEAR, AGE_AT = 30.0, 2.0, 1.0
REST_FACTOR = 20.0
AFTER_FAILURE = 1.0  # seconds in which no store is asked


class UserCount(Struct):
    """What a user holds, but for what is under way: `at` which time it was counted, and how many `seconds` that took.

    It is `touched` if writes or deletions through this process have ended since.
    """

    held: Holdings
    at: float
    seconds: float
    touched: bool = False

    def is_older(self, age: float, now: float) -> bool:
        """Return whether it is older than so many seconds, or than many times what it took."""
        return now - self.at > max(age, REST_FACTOR * self.seconds)


class CountedUsers:
    """Count what users hold by asking `count`, and remember it; `now` is in seconds."""

    def __init__(self, count: Callable[[Owner], Awaitable[Holdings]], now: Callable[[], float]) -> None:
        self._count, self._now = count, now
        self._known: OrderedDict[str, UserCount] = OrderedDict()
        self._under_way: dict[str, Holdings] = {}
        self._counting: dict[str, asyncio.Task[UserCount | None]] = {}
        self._failed_at = float("-inf")

    async def known(self, owner: Owner) -> UserCount | None:
        """Return what an owner holds, counted first if it is not known; None if nobody can tell that in time."""
        known = self._known.get(owner.key)
        if known is None:
            return await self._awaited(owner)
        self._known.move_to_end(owner.key)
        return known

    async def fresh(self, owner: Owner) -> UserCount | None:
        """Return what an owner holds now, before it is refused anything; None if nobody can tell that in time."""
        known = self._known.get(owner.key)
        if known is not None and not known.touched and not known.is_older(AGE_AT, self._now()):
            return known
        return await self._awaited(owner)

    def refresh(self, owner: Owner, *, near: bool) -> None:
        """Have it counted again for later, if the count is old."""
        known = self._known.get(owner.key)
        if known is not None and known.is_older(AGE_NEAR if near else AGE, self._now()):
            self._task(owner)

    def under_way(self, owner: Owner) -> Holdings:
        """Return what is being written; while a write ends, a new count may have it, too."""
        return self._under_way.get(owner.key, Holdings())

    def begin(self, owner: Owner, amount: Holdings) -> None:
        """Note what is about to be written."""
        self._under_way[owner.key] = self.under_way(owner) + amount

    def end(self, owner: Owner, amount: Holdings, *, written: bool) -> None:
        """Note that what was begun has ended, and whether it may have been written."""
        left = self.under_way(owner) - amount
        if left == Holdings():
            self._under_way.pop(owner.key, None)
        else:
            self._under_way[owner.key] = left
        if written and (known := self._known.get(owner.key)) is not None:
            known.held += amount
            known.touched = True

    def touch(self, owner: Owner) -> None:
        """Note that some of it was deleted."""
        if (known := self._known.get(owner.key)) is not None:
            known.touched = True

    async def aclose(self) -> None:
        """End all counting."""
        for task in list(self._counting.values()):
            await background.stop(task)

    async def _awaited(self, owner: Owner) -> UserCount | None:
        if self._now() - self._failed_at < AFTER_FAILURE:
            return None
        task = self._task(owner)
        await asyncio.wait([task], timeout=PATIENCE)  # which leaves it running
        return task.result() if task.done() and not task.cancelled() else None

    def _task(self, owner: Owner) -> asyncio.Task[UserCount | None]:
        task = self._counting.get(owner.key)
        if task is None:
            task = self._counting[owner.key] = asyncio.create_task(self._counted(owner), name="count a user's memories")
            task.add_done_callback(lambda _: self._counting.pop(owner.key, None))
        return task

    async def _counted(self, owner: Owner) -> UserCount | None:
        began = self._now()
        try:
            held = await self._count(owner)
        except ProviderError:
            self._failed_at = self._now()
            return None
        # What has ended meanwhile may be in it or not, and is not added: nobody is refused for what is counted twice.
        counted = self._known[owner.key] = UserCount(held, began, self._now() - began)
        self._known.move_to_end(owner.key)
        while len(self._known) > MOST_USERS:
            self._known.popitem(last=False)
        return counted
