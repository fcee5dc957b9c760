"""The filling of providers that lack something, in the background, until they are complete."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any

from msgspec import Struct

from providers import background
from providers.chain.backfill import Backfill, Progress
from providers.chain.link import Link
from providers.chain.observer import ChainObserver, Unobserved
from providers.chain.reunion import Reunion
from providers.errors import ProviderError
from providers.journal.base import Journal

# The delay after a backfill that cannot be done now doubles with every postponement in a row. An obstacle is seldom
# removed within seconds; once it is, the backfill should start within minutes.
FIRST_DELAY_SECONDS = 5.0
LONGEST_DELAY_SECONDS = 300.0
_MOST_DOUBLINGS = 20  # far beyond that, and still no overflow
SETTLE_SECONDS = 4.0  # longer than a new order takes to reach every process
REUNION_SECONDS = 1.0  # between two tries to reunite what was rolled back: all wait for it


class Filling(Struct):
    """Fill providers one task each; `progress` and `reasons` tell how far it is, and why it cannot be done now.

    `unjournalled`: seconds for which writes may still be under way that began before there was a journal.
    """

    holder: str
    journal: Journal
    now: Callable[[], float] = time.monotonic
    unjournalled: float = 0.0
    observer: ChainObserver = Unobserved()
    progress: dict[str, Progress] = {}
    reasons: dict[str, str] = {}
    _started: float = 0.0
    _tasks: dict[str, asyncio.Task[None]] = {}
    _postponements: dict[str, int] = {}  # in a row
    _again: dict[str, asyncio.Event] = {}  # which end the wait of a postponed backfill

    def __post_init__(self) -> None:
        """Start the clock."""
        self._started = self.now()

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """The tasks that are running."""
        return [*self._tasks.values()]

    def again(self, name: str) -> None:
        """Try again now what was postponed: what kept a provider from being filled may be gone."""
        if name in self._again:
            self._again[name].set()

    def done(self, name: str) -> None:
        """Forget what there was to tell of a provider, whichever process has filled it."""
        self.reasons.pop(name, None)
        self.progress.pop(name, None)
        self._postponements.pop(name, None)

    def fill(self, source: Link, target: Link) -> None:
        """Fill a provider from one in sync, unless that is being done."""
        self._start(target.name, lambda: self._backfill(source, target))

    def reunite(self, links: Sequence[Link], restored: Sequence[str]) -> None:
        """Bring providers that were rolled back to one state, unless that is being done."""
        self._start(restored[0], lambda: self._reunite(links, restored[0]))

    def _start(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        task = self._tasks.get(name)
        if task is None or task.done():
            self._tasks[name] = background.start_once(work(), f"fill {name}")

    async def _backfill(self, source: Link, target: Link) -> None:
        def report(progress: Progress) -> None:
            self.progress[target.name] = progress

        # A process that does not know the new provider yet may still write without it.
        left = self._started + self.unjournalled - self.now()
        if left > 0:
            self.reasons[target.name] = "writes that began without the journal may still be under way"
        await asyncio.sleep(max(left, 0.0) + SETTLE_SECONDS)
        try:
            await Backfill(self.holder, self.journal, source, target, report, self.now).run()
        except ProviderError as error:
            await self._postpone(target.name, error)
        else:
            self.done(target.name)

    async def _reunite(self, links: Sequence[Link], name: str) -> None:
        try:
            await Reunion(self.holder, self.journal, links, self.now).run()
        except ProviderError as error:
            self.reasons[name] = str(error)
            await asyncio.sleep(REUNION_SECONDS)
        else:
            self.done(name)

    async def _postpone(self, name: str, error: ProviderError) -> None:
        self.reasons[name] = str(error)
        before = self._postponements.get(name, 0)
        self._postponements[name] = before + 1
        wait = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0 ** min(before, _MOST_DOUBLINGS))
        self.observer.filling_postponed(name, str(error), wait + SETTLE_SECONDS)
        again = self._again.setdefault(name, asyncio.Event())
        again.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await again.wait()
