"""Touches that a provider has missed while others noted them: it gets them when it answers again.

They wait in this process alone. What is lost with it, or is too much, the provider learns from the others as they are
compared, or before it would be erased; until then it may hide what somebody was given.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import islice

import structlog

from providers import background
from providers.chain.deadline import Clock
from providers.chain.link import Link
from providers.chain.touching import touch_one
from providers.errors import ProviderError, Unavailable
from providers.limits import MAX_BATCH
from providers.owners import Owner
from providers.touches import Touch

MOST_MISSED = 10_000  # of each provider, a few MB
AGAIN_SECONDS = 1.0  # between two tries; an open breaker costs nothing

_log = structlog.get_logger(__name__)


class MissedTouches:
    """Keep the last touch of each memory that a provider has missed, and try to write it until it is written.

    `links` returns those that are in the order now; who has left it needs nothing any more.
    """

    def __init__(self, links: Callable[[], Sequence[Link]], now: Clock) -> None:
        self._links, self._now = links, now
        self._missed: dict[str, dict[tuple[Owner, str], datetime]] = {}
        self._task: asyncio.Task[None] | None = None

    def note(self, provider: str, touches: Sequence[Touch]) -> None:
        """Keep touches that a provider has not noted, and that others have."""
        waiting = self._missed.setdefault(provider, {})
        for touch in touches:
            key = touch.owner, touch.memory_id
            if key in waiting or len(waiting) < MOST_MISSED:
                waiting[key] = max(touch.moment, waiting.get(key, touch.moment))
        if self._task is None or self._task.done():
            self._task = background.start_once(self._deliver_all(), "missed touches")

    async def stop(self) -> None:
        """Give up what waits."""
        if self._task is not None:
            await background.stop(self._task)

    async def _deliver_all(self) -> None:
        while self._missed:
            await asyncio.sleep(AGAIN_SECONDS)
            links = {link.name: link for link in self._links()}
            self._missed = {name: waiting for name, waiting in self._missed.items() if name in links}
            await asyncio.gather(*(self._deliver(links[name], waiting) for name, waiting in self._missed.items()))
            self._missed = {name: waiting for name, waiting in self._missed.items() if waiting}

    async def _deliver(self, link: Link, waiting: dict[tuple[Owner, str], datetime]) -> None:
        """Write what waits for a provider, those that have waited for longest first, until it fails."""
        while some := [*islice(waiting.items(), MAX_BATCH)]:
            touches = [Touch(owner=owner, memory_id=one, moment=moment) for (owner, one), moment in some]
            try:
                await touch_one(link, touches, self._now)
            except Unavailable:
                return
            except ProviderError as error:
                _log.debug("touches_failed", reason=error.outcome, count=len(some))  # they will never be taken
            for key, moment in some:
                if waiting[key] == moment:
                    del waiting[key]
