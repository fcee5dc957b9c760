"""Reunion: bring stores that were rolled back to one state, where none is left that has everything."""

import time
from collections.abc import Callable, Collection, Sequence

import structlog
from msgspec import Struct

from providers.chain.backfill import NotBackfilled
from providers.chain.claim import TaskClaim
from providers.chain.comparing.pages import MergePage, StorePages
from providers.chain.comparing.store import ComparedStore
from providers.chain.comparing.walking import WalkPlace
from providers.chain.link import Link
from providers.chain.stores.in_sync import is_source
from providers.journal.base import Journal
from providers.journal.operations import Member, MemberState

MAX_PASSES = 5
_TASK = "reunite"

_log = structlog.get_logger(__name__)


class Reunion(Struct):
    """Complete the members that were rolled back, of which `links` are those that this process can ask.

    The journal delivers again what it retains. What only one of the stores still holds is merged into the others:
    states are put once by version and deletions win, so that any order ends in the same. A member that was still being
    filled is a source as well, if all that its store holds is ours: it may have the last copy of what it was delivered.
    After that nothing is left that one of them could lack and anybody could bring.
    """

    holder: str
    journal: Journal
    links: Sequence[Link]
    now: Callable[[], float] = time.monotonic

    async def run(self) -> None:
        """Merge the stores, and mark them as complete.

        Raises:
            NotBackfilled: another process does it, somebody has everything, one of the stores cannot be asked, or
                deliveries are still due.
            Unavailable: a store or the journal does not answer.
        """
        await self._claim()
        async with self._task.kept():
            await self._reunite()

    @property
    def _task(self) -> TaskClaim:
        return TaskClaim(self.journal, _TASK, self.holder)

    async def _reunite(self) -> None:
        known = await self.journal.members()
        members = [member for member in known if member.restored]
        sources = [member for member in known if is_source(member)]
        await self._check(members, sources, [member for member in known if member.state is MemberState.COMPLETE])
        if len(members) + len(sources) > 1:
            await self._merge(_names(members), _names(sources))
        for member in members:
            await self.journal.mark(member.name, MemberState.COMPLETE, epoch=member.epoch)
            _log.warning("store_reunited", provider=member.name, seconds=member.behind)

    async def _check(self, members: Sequence[Member], sources: Sequence[Member], complete: Sequence[Member]) -> None:
        if complete:  # perhaps one that this process has not met, because its store does not answer
            raise NotBackfilled(f"{complete[0].name} has received everything, and the others are filled from it")
        asked = {link.name for link in self.links}
        for source in sources:
            if source.name not in asked:
                raise NotBackfilled(f"{source.name} was being filled, and may hold what the others lost")
        for member in members:
            if member.name not in asked:
                raise NotBackfilled(f"{member.name} was rolled back as well, and may hold what the others lost")
            if await self.journal.pending(1, provider=member.name):
                raise NotBackfilled(f"{member.name} is still receiving what the journal retains")

    async def _merge(self, names: Collection[str], sources: Collection[str]) -> None:
        """Merge the stores of these members, and the sources into them; those of the others may know of deletions."""
        stores = [ComparedStore(link, self.now) for link in self.links]
        pages = StorePages(self.journal, stores, names, self.now, sources=sources)
        for _ in range(MAX_PASSES):
            if not await self._merge_once(pages):
                return
        raise NotBackfilled("the stores that were rolled back keep differing")

    async def _merge_once(self, pages: StorePages) -> bool:
        """Merge everything once; return whether anything differed."""
        differed = False
        after: WalkPlace | None = None
        while True:
            await self._claim()
            page: MergePage = await pages.merge(after)
            differed = differed or bool(page.put or page.deleted)
            if page.next_after is None:
                return differed
            after = WalkPlace.read(page.next_after)

    async def _claim(self) -> None:
        if not await self._task.hold():
            raise NotBackfilled("another process reunites the stores")


def _names(members: Sequence[Member]) -> frozenset[str]:
    return frozenset(member.name for member in members)
