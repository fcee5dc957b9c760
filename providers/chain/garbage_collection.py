"""The garbage collector: drop what the journal need not retain, and search for copies of deleted memories."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from enum import IntEnum

import structlog
from msgspec import Struct

from observability import tracing
from providers.chain.deadline import CallOptions, Deadline
from providers.chain.link import Link
from providers.chain.policy import OperationClass, RetentionPolicy
from providers.errors import ProviderError
from providers.journal.base import Journal, JournalUnavailable
from providers.journal.operations import JournalEntry
from providers.types import Snapshot

_BATCH = 100
_TASK = "sweep"

_log = structlog.get_logger(__name__)


class _Copies(IntEnum):
    """What is known about copies of a deleted memory; the greater value takes precedence."""

    NONE = 0
    UNKNOWN = 1
    FOUND = 2


class GarbageCollector(Struct):
    """Prune the journal and collect tombstones, one process at a time.

    `links` returns the links of all members, None if this process has no link to one of them.
    """

    holder: str
    journal: Journal
    links: Callable[[], Awaitable[Sequence[Link] | None]]
    policy: RetentionPolicy
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    now: Callable[[], float] = time.monotonic

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            try:
                if await self.journal.claim(_TASK, self.holder, 2 * self.policy.every):
                    await self.collect()
            except JournalUnavailable as error:
                _log.debug("sweep_postponed", reason=error.reason)
            await self.sleep(self.policy.every)

    async def collect(self) -> None:
        """Go once through everything that is older than the retention."""
        await self.journal.prune(self.policy.keep)
        after = 0
        while entries := await self.journal.tombstones(_BATCH, self.policy.keep, after=after):
            after = entries[-1].seq
            links = await self.links()
            with tracing.root("sweep", {"ninai.operations": len(entries)}):
                found = [await self._judge(entry, links) for entry in entries]
                await self.journal.forget(_those(entries, found, _Copies.NONE))
                # Where copies are unknown only traces go: no provider had the memory, and traces must not pile up.
                await self.journal.forget(_those(entries, found, _Copies.UNKNOWN), traces=True)

    async def _judge(self, entry: JournalEntry, links: Sequence[Link] | None) -> _Copies:
        """Search every member for a copy of a deleted memory, and have a copy that is found deleted again."""
        if links is None:
            return _Copies.UNKNOWN  # this process cannot reach one of the members, so nothing is certain about all
        copies = _Copies.NONE
        for link in links:
            try:
                copy = await self._look(entry, link)
            except ProviderError:
                copies = max(copies, _Copies.UNKNOWN)  # the next sweep decides
                continue
            if copy is not None and not copy.deleted:
                copies = _Copies.FOUND
                _log.warning("deleted_copy_found", provider=link.name, memory_id=entry.state.id)
                await self.journal.redeliver(entry.seq, link.name)
        return copies

    async def _look(self, entry: JournalEntry, link: Link) -> Snapshot | None:
        state = entry.state
        deadline = Deadline.after(link.attempts.seconds(OperationClass.REPLAY), self.now)
        return await link.call(
            lambda provider: provider.snapshot(state.owner, state.id), OperationClass.REPLAY, CallOptions(deadline)
        )


def _those(entries: Sequence[JournalEntry], found: Sequence[_Copies], wanted: _Copies) -> list[int]:
    return [entry.seq for entry, copies in zip(entries, found, strict=True) if copies is wanted]
