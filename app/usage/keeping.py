"""Keeping usage: what is counted here is saved in the background, and added to what other processes have saved."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import uuid4

import structlog

from app.usage.counts_folder import CountsFolder
from app.usage.request_counts import RequestCounts
from app.usage.totals import SavedCounts, added
from observability.log_throttle import LogThrottle
from providers import background

SAVE_SECONDS = 5.0  # between two saves: as much is lost if the process is killed, and unknown to others
_RETIRE_EVERY = 12  # saves

_log = structlog.get_logger(__name__)


class UsageKeeper:
    """Save the counts of this process, and add up those of all processes of the host, also of those that have ended."""

    def __init__(self, counts: RequestCounts, data_dir: Path, process: str | None = None) -> None:
        self.counts = counts
        self._folder = CountsFolder(data_dir, process or uuid4().hex)
        self._saved, self._entered = 0, False
        self._not_saved = LogThrottle()

    @asynccontextmanager
    async def running(self, key: bytes) -> AsyncIterator[None]:
        """Save again and again while the context lasts, and once more at its end; users are hashed with the `key`."""
        self.counts.key = key
        await self.keep(retire=True)
        try:
            async with background.running(background.start(self._run, "usage")):
                yield
        finally:
            await self.keep()
            await asyncio.to_thread(self._folder.leave)

    async def totals(self) -> SavedCounts:
        """Return what was asked of all processes of the host; of others as they have saved it seconds ago."""
        elsewhere: list[SavedCounts] = []
        with suppress(OSError):
            elsewhere = await asyncio.to_thread(self._folder.elsewhere)
        return await asyncio.to_thread(added, [*elsewhere, self.counts.taken()], self.counts.since)

    async def _run(self) -> None:
        turn = 0
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            turn += 1
            await self.keep(retire=turn % _RETIRE_EVERY == 0)

    async def keep(self, *, retire: bool = False) -> None:
        """Save what has changed, and take over what dead processes have saved; log why that cannot be done."""
        changes, taken = self.counts.changes, None
        if changes != self._saved:
            taken = self.counts.taken()
        try:
            await asyncio.to_thread(self._write, taken, retire=retire)
        except OSError as error:
            if self._not_saved.count(error.strerror or type(error).__name__):
                _log.warning("usage_not_saved", folder=str(self._folder.path), reason=error.strerror)
            return
        self._saved = changes
        self._not_saved.reset()

    def _write(self, taken: SavedCounts | None, *, retire: bool) -> None:
        if not self._entered:
            self._folder.enter()
            self._entered = True
        if taken is not None:
            self._folder.save(taken)
        if retire:
            self._folder.retire()
