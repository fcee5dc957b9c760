"""Touching in the background what recalls and gets have answered: memories whose expiry slides have their time again.

A memory is touched at most once in a tenth of its time, so that what is read all the time costs few writes: it lives
for at least nine tenths of its time after it was last given to somebody. A touch is never waited for, and whoever
reads never learns that one has failed; the next reader touches again.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice

import structlog

from observability.metrics import Metrics
from providers.answers import Fetched, Found
from providers.base import MemoryProvider
from providers.errors import ProviderError
from providers.limits import MAX_BATCH
from providers.looks import is_looking
from providers.owners import Owner
from providers.states.clock import Milliseconds, moment_of, wall_clock_ms
from providers.touches import Touch
from providers.types import MemoryRecord
from providers.wrapper import OperationName

MOST_WAITING = 10_000  # touches, a few MB; what comes while so many wait is dropped
MOST_REMEMBERED = 10_000  # touches of the last minutes, which an answer may not show yet
LAST_SECONDS = 1.0  # for what waits at the end
COLLECT_SECONDS = 1.0  # for which touches are collected, and written together then
TOUCHES_IN_A_LIFE = 10

_GIVING = frozenset({OperationName.RECALL, OperationName.RECALL_MANY, OperationName.GET})
_Key = tuple[Owner, str]

_log = structlog.get_logger(__name__)


class Toucher:
    """Collect touches, and write them in the background for as long as `run` runs.

    `longest` returns the seconds for which a memory of a tenant may live from now on, None if there is no bound.
    """

    def __init__(
        self,
        provider: Callable[[], MemoryProvider],
        metrics: Metrics,
        longest: Callable[[str], float | None] = lambda _tenant: None,
        now_ms: Milliseconds = wall_clock_ms,
    ) -> None:
        self._provider, self._metrics, self._longest, self._now_ms = provider, metrics, longest, now_ms
        self._waiting: dict[_Key, datetime] = {}
        self._remembered: dict[_Key, datetime] = {}
        self._wake = asyncio.Event()

    def answered(self, operation: OperationName, result: object) -> None:
        """Note what an operation answers; a list, a feed, a history, an export and our own looks give no more time."""
        if operation not in _GIVING or is_looking():
            return
        for answer in result if isinstance(result, list) else [result]:
            if isinstance(answer, Found):
                self.note(answer.memories)
            elif isinstance(answer, Fetched):
                self.note([answer.memory])

    def note(self, records: Iterable[MemoryRecord]) -> None:
        """Note that somebody is given memories now."""
        now: datetime | None = None
        for record in records:
            if record.sliding_seconds is None or record.expires_at is None:
                continue
            now = now or moment_of(self._now_ms)
            key = record.owner, record.id
            sliding = timedelta(seconds=record.sliding_seconds)
            longest = self._longest(record.owner.tenant)
            allowed = sliding if longest is None else min(sliding, timedelta(seconds=longest))
            if not self._is_due(key, record.expires_at, allowed, now):
                continue
            if len(self._waiting) >= MOST_WAITING:
                self._metrics.touches.labels("dropped").inc()
                continue
            self._waiting[key] = now - (sliding - allowed)  # stores add the whole time
            self._remember(key, now)
            self._wake.set()

    async def run(self) -> None:
        """Write what was noted, again and again, until cancelled; what waits then is still written."""
        try:
            while True:
                await self._wake.wait()
                await asyncio.sleep(COLLECT_SECONDS)
                await self._write_all()
                self._wake.clear()
        except asyncio.CancelledError:
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_SECONDS):
                    await self._write_all()
            raise

    async def _write_all(self) -> None:
        while self._waiting:
            await self._write()

    async def _write(self) -> None:
        """Write the touches that have waited for longest, as many as one call takes."""
        some = [*islice(self._waiting.items(), MAX_BATCH)]
        for key, _ in some:
            del self._waiting[key]
        touches = [Touch(owner=owner, memory_id=memory_id, moment=moment) for (owner, memory_id), moment in some]
        try:
            await self._provider().touch(touches)
        except ProviderError as error:
            _log.debug("touches_failed", reason=error.outcome, count=len(some))
            for key, _ in some:
                self._remembered.pop(key, None)  # so that the next reader touches again
            self._metrics.touches.labels("failed").inc(len(some))
        else:
            self._metrics.touches.labels("written").inc(len(some))

    def _is_due(self, key: _Key, expires_at: datetime, time: timedelta, now: datetime) -> bool:
        """Return whether the last touch, or the writing, was a tenth of a memory's time ago; what has expired stays."""
        if expires_at <= now or expires_at - now > time - time / TOUCHES_IN_A_LIFE:
            return False
        last = self._remembered.get(key)
        return last is None or now - last >= time / TOUCHES_IN_A_LIFE

    def _remember(self, key: _Key, now: datetime) -> None:
        self._remembered.pop(key, None)
        self._remembered[key] = now
        if len(self._remembered) > MOST_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
