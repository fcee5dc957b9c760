"""Keeping usage: what is counted here is saved in the background, and added to what other processes have saved."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import uuid4

import structlog
from msgspec import Struct

from app.usage.counts_folder import CountsFolder
from app.usage.request_counts import RequestCounts
from app.usage.sharing import UsageSharing
from app.usage.totals import By, SavedCounts, added
from observability.log_throttle import LogThrottle
from observability.secret import Secret
from providers import background
from providers.errors import ProviderError, Unavailable
from providers.owners import Owner

SAVE_SECONDS = 5.0  # between two saves: as much is lost if the process is killed, and unknown to others
_RETIRE_EVERY = 12  # saves
_TELL_PAUSE = SAVE_SECONDS - 1  # between two processes of a host that tell its sums
_TURN_SECONDS, _TURN_POLL = 5.0, 0.05  # for the last turn of a process

_log = structlog.get_logger(__name__)


class Covered(Struct, frozen=True):
    """Sums, of how many `hosts` they are, and whether others are missing, as the Redis that they share is silent."""

    sums: SavedCounts
    hosts: int
    alone: bool


class UsageKeeper:
    """Save the counts of this process, and add up those of all processes of the host, also of those that have ended.

    Where several hosts share limits, the sums of this one are told to the others.
    """

    def __init__(self, counts: RequestCounts, data_dir: Path, process: str | None = None) -> None:
        self.counts = counts
        self._folder = CountsFolder(data_dir, process or uuid4().hex)
        self._saved, self._entered = 0, False
        self._sharing = UsageSharing()
        self._store: Callable[[], Secret | None] = lambda: None
        self._not_saved, self._not_shared = LogThrottle(), LogThrottle()

    @asynccontextmanager
    async def running(self, key: bytes, store: Callable[[], Secret | None] = lambda: None) -> AsyncIterator[None]:
        """Save again and again while the context lasts, and once more at its end.

        Users are hashed with the `key`. Other hosts are told through whatever `store` is configured then.
        """
        self.counts.key, self._store = key, store
        await self.keep(retire=True)
        try:
            async with background.running(background.start(self._run, "usage")):
                yield
        finally:
            await self.keep()
            await self.share(last=True)
            await self._sharing.turn_to(None)
            await asyncio.to_thread(self._folder.leave)

    async def totals(self) -> SavedCounts:
        """Return what was asked of all processes of the host; of others as they have saved it seconds ago."""
        elsewhere: list[SavedCounts] = []
        with suppress(OSError):
            elsewhere = await asyncio.to_thread(self._folder.elsewhere)
        return await asyncio.to_thread(added, [*elsewhere, self.counts.taken()], self.counts.since)

    async def covered(self, by: By, owners: Sequence[Owner] = ()) -> Covered:
        """Return the sums of all hosts: of keys or tenants, or of these users; of this one if others cannot be had."""
        own = await self.totals()
        try:
            if not await self._sharing.turn_to(self._store()):
                return Covered(own, hosts=1, alone=False)
            host = await asyncio.to_thread(self._folder.host)
            others = await self._sharing.elsewhere(host, by, owners, self.counts.hashed)
        except (ProviderError, OSError) as error:
            self._say_not_shared(error)
            return Covered(own, hosts=1, alone=True)
        return Covered(await asyncio.to_thread(added, [*others, own], own.since), hosts=1 + len(others), alone=False)

    async def share(self, *, last: bool = False) -> None:
        """Tell other hosts the sums of this one, unless another process is at it; the `last` time wait for that."""
        try:
            if not await self._sharing.turn_to(self._store()):
                return
            turn = await self._turn(last=last)
            if turn is None:
                return
            try:
                await self._sharing.tell(
                    await asyncio.to_thread(self._folder.host), await self.totals(), self.counts.key
                )
            finally:
                os.close(turn)
        except (ProviderError, OSError) as error:
            self._say_not_shared(error)
            return
        self._not_shared.reset()

    async def _turn(self, *, last: bool) -> int | None:
        if not last:
            return await asyncio.to_thread(self._folder.turn_to_tell, _TELL_PAUSE)
        with suppress(TimeoutError):
            async with asyncio.timeout(_TURN_SECONDS):
                while (turn := self._folder.turn_to_tell(0.0)) is None:  # noqa: ASYNC110 - another process has it
                    await asyncio.sleep(_TURN_POLL)
                return turn
        return None

    def _say_not_shared(self, error: ProviderError | OSError) -> None:
        reason = error.reason if isinstance(error, Unavailable) else str(error)
        if self._not_shared.count(reason):
            _log.warning("usage_not_shared", reason=reason)

    async def _run(self) -> None:
        turn = 0
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            turn += 1
            await self.keep(retire=turn % _RETIRE_EVERY == 0)
            await self.share()

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
