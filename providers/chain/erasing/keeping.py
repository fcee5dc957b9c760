"""The erasures of a chain: kept by its journal, or by a file that is made for the first one where there is no journal.

The file is a journal without members. It stands in the data folder and not in the store, because a store that is put
back to an earlier state must not forget whom it has to erase again.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

import structlog

from providers import background
from providers.chain.erasing.chain import ErasedChain
from providers.chain.erasing.eraser import Eraser
from providers.chain.link import Link
from providers.chain.opening import ErasureSpec
from providers.chain.policy import ErasurePolicy
from providers.erasure.fences import FenceList
from providers.journal.base import Journal, JournalUnavailable
from providers.states.clock import HybridClock

FENCES_SECONDS = 5.0  # at a start, to learn who was erased

_log = structlog.get_logger(__name__)


class ErasureKeeper:
    """Hold the list of fences, who keeps it, and the eraser that works on what is written down there."""

    def __init__(
        self,
        chain: ErasedChain,
        spec: ErasureSpec | None,
        clock: HybridClock,
        now: Callable[[], float],
        distrust: Callable[[], str | None],
    ) -> None:
        self.fences = FenceList()
        policy = ErasurePolicy() if spec is None else spec.policy
        self.eraser = Eraser(chain, clock, policy, self.fences, now)
        self._chain, self._spec, self._distrust = chain, spec, distrust
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._file: Journal | None = None
        self._running: asyncio.Task[None] | None = None

    async def records(self, *, create: bool = True) -> Journal | None:
        """Return who keeps erasures; None if that is nobody yet, and none is to be created.

        Raises:
            JournalUnavailable: the journal may be that of another installation, or the file cannot be opened.
        """
        journal = self._chain.journal
        if journal is None:
            return await self._opened(create=create)
        if (reason := self._distrust()) is not None:
            raise JournalUnavailable(reason)
        return journal

    async def learn(self, links: Sequence[Link]) -> None:
        """Put new links behind the fences, and learn who was erased before anything is read, as far as can be known."""
        for link in links:
            link.fences = self.fences
        if not links:
            return
        try:
            async with asyncio.timeout(FENCES_SECONDS):
                kept = await self._opened(create=False)
                if kept is not None and self._chain.journal is not None:
                    await self.eraser.take_over(kept)
                await self.eraser.follow()
        except (TimeoutError, JournalUnavailable) as error:
            _log.warning("fences_unknown", reason=str(error))

    def start(self) -> set[asyncio.Task[None]]:
        """Let the eraser run, unless it does; return the task, which closes the file when it ends."""
        if self._running is None:
            self._running = background.start(self._run, "erasures")
        return {self._running}

    async def _run(self) -> None:
        try:
            await self.eraser.run()
        finally:
            self._file = None
            await self._stack.aclose()

    async def _opened(self, *, create: bool) -> Journal | None:
        async with self._opening:
            if self._file is None and self._spec is not None and (create or self._spec.exists()):
                self._file = await self._stack.enter_async_context(self._spec.opened())
            return self._file
