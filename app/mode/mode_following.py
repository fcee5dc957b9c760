"""Following the mode while the service runs: every process takes another one over within a second."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
from msgspec import structs

from app.http.problems import READ_ONLY, RequestError
from app.mode.mode_file import ModeFile, ModeFileFault, ServiceMode
from app.reloading.stamps import Stamp
from observability.metrics import Metrics
from observability.notes import current
from providers import background
from providers.wrapper import OperationName

CHECK_SECONDS = 0.25  # the file is replaced as a whole, so that one look is enough
WRITES = frozenset(
    {
        OperationName.REMEMBER,
        OperationName.REMEMBER_MANY,
        OperationName.UPDATE,
        OperationName.UPDATE_MANY,
        OperationName.KEEP_VERSIONS,
        OperationName.DELETE,
        OperationName.DELETE_MANY,
        OperationName.DELETE_ALL,
    }
)

REFUSED = "read_only"  # in the access line and the audit

_log = structlog.get_logger(__name__)


class ModeFollower:
    """Hold the mode in force in this process; it asks no provider and no journal.

    A file that cannot be used, or that is gone, changes nothing: the mode of before stays in force. Nobody who sets a
    mode removes it, but a common folder may not be mounted.
    """

    def __init__(self, data_dir: Path, metrics: Metrics) -> None:
        self._file, self._metrics = ModeFile(data_dir), metrics
        self._seen: Stamp | None = None
        self.current = ServiceMode()

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Follow the file while the context lasts, having read it first."""
        await self._read()
        async with background.running(background.start(self._follow, "mode")):
            yield

    def permit(self, operation: OperationName) -> None:
        """Let an operation on memories pass; raise `RequestError` if it writes, and the service takes no writes."""
        mode = self.current
        if mode.mode == "read_only" and operation in WRITES:
            if (notes := current.get()) is not None:
                notes.refused = REFUSED
            detail = f"No writes are taken now, reads are answered as always: {mode.reason}; nothing was done"
            raise RequestError(READ_ONLY, detail, headers={"Retry-After": str(mode.retry_after)})

    async def put(self, mode: ServiceMode) -> None:
        """Save a mode for all processes, and put it in force in this one; raise `ModeFileFault` if it is not saved."""
        await asyncio.to_thread(self._file.write, mode)
        self._take(mode)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            # In a thread, since a file system that hangs must not block anything else.
            if await asyncio.to_thread(self._file.stamp) != self._seen:
                await self._read()

    async def _read(self) -> None:
        # Before the file is read: a change made meanwhile must still be noticed later.
        self._seen = await asyncio.to_thread(self._file.stamp)
        if self._seen is None and self.current != ServiceMode():
            _log.error("mode_refused", reason=f"{self._file.path} is gone; set the mode again", mode=self.current.mode)
            return
        try:
            mode = await asyncio.to_thread(self._file.read)
        except ModeFileFault as fault:
            _log.error("mode_refused", reason=str(fault), mode=self.current.mode)
            return
        self._take(mode)

    def _take(self, mode: ServiceMode) -> None:
        changed, self.current = mode != self.current, mode
        self._metrics.read_only.set(mode.mode == "read_only")
        if changed:
            _log.warning("mode_in_force", **structs.asdict(mode))
