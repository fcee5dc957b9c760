"""The claim on a task that one process at a time does: short, and kept for as long as the process is at it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from msgspec import Struct

from providers import background
from providers.journal.base import Journal, JournalUnavailable

# After its holder has crashed, a task waits this long for another process. Two renewals may be late.
CLAIM_SECONDS = 15.0
_RENEWED_EVERY = CLAIM_SECONDS / 3


class TaskClaim(Struct, frozen=True):
    """Claim a task for a holder."""

    journal: Journal
    task: str
    holder: str

    async def hold(self) -> bool:
        """Acquire or keep the task; return False if another holder has it.

        Raises:
            JournalUnavailable: the journal does not answer.
        """
        return await self.journal.claim(self.task, self.holder, CLAIM_SECONDS)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Keep the task while this context lasts, however long a call to a store takes.

        A renewal that fails is harmless: two that do such a task at the same time do no more than too much work.
        """
        async with background.running(background.start_once(self._keep(), f"claim of {self.task}")):
            yield

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(_RENEWED_EVERY)
            with suppress(JournalUnavailable):
                await self.hold()
