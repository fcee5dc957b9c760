"""The eraser: take requests for erasures, and work on them until every store and the journal have forgotten the user.

What is to be done is written down first, so that a crash or a store that is down delays an erasure and loses none.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from uuid import uuid4

import structlog

from providers.chain.claim import TaskClaim
from providers.chain.erasing.advancing import Advance
from providers.chain.erasing.chain import ErasedChain
from providers.chain.erasing.replaying import Replay, lacks_newest, learn, replay
from providers.chain.erasing.sampling import asked
from providers.chain.link import Link
from providers.chain.policy import ErasurePolicy
from providers.chain.stores.introductions import introduction_of
from providers.erasure.fences import Fence, FenceList
from providers.erasure.receipts import Erasure
from providers.erasure.records import MAX_ERASURES
from providers.errors import ProviderError, Unavailable
from providers.introduction import Introduction
from providers.journal.base import Journal
from providers.limits import check_owner
from providers.owners import Owner
from providers.states.clock import HybridClock

Told = tuple[str | None, ...]

TASK = "erasure"
MEETS_EVERY = 60.0  # seconds between two looks at whether stores are what they were; readers see nothing meanwhile
REPLAYS_EVERY = 3_600.0  # seconds between two looks at what stores hold that keep no list
_DROPPED_EVERY = 3_600.0  # seconds
_WAITED_EVERY = 0.1  # seconds between two looks at a receipt that somebody waits for

_log = structlog.get_logger(__name__)


class Eraser:
    """Erase users, one process at a time; every process follows the list of fences, which it puts into `fences`."""

    def __init__(
        self,
        chain: ErasedChain,
        clock: HybridClock,
        policy: ErasurePolicy,
        fences: FenceList,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        meets_every: float = MEETS_EVERY,
        replays_every: float = REPLAYS_EVERY,
    ) -> None:
        self.meets_every, self.replays_every = meets_every, replays_every
        self.chain, self.policy, self.fences = chain, policy, fences
        self.clock, self.now, self._sleep = clock, now, sleep
        self._last = 0  # number of the last fence that was read
        self._of_journal: str | None = None
        self._met: dict[str, Told] = {}  # by provider: what the store told when its list was compared
        self._woken = asyncio.Event()
        self._dropped_at = float("-inf")
        self._replayed_at = now()
        self._looked_at = float("-inf")
        self._advance = Advance(chain, clock, fences, self.follow, sleep)

    async def request(self, owner: Owner) -> Erasure:
        """Write down that an owner is to be erased, and return the receipt as it is by now.

        Raises:
            InvalidInput: there can be no such owner.
            Unavailable: it cannot be written down.
        """
        check_owner(owner)
        records = await self._records()
        begun = await records.begin_erasure(Erasure(id=str(uuid4()), owner=owner.key, hash="", requested_at=0.0))
        _log.info("erasure_requested", erasure=begun.id)
        self._woken.set()
        return begun

    async def finished(self, erasure: Erasure, seconds: float) -> Erasure:
        """Wait at most so long until an erasure is finished; return the receipt as it is then."""
        records, end = await self._records(), self.now() + seconds
        while erasure.finished_at is None and self.now() < end:
            await self._sleep(_WAITED_EVERY)
            erasure = await records.erasure(erasure.id) or erasure
        return erasure

    async def receipt(self, erasure_id: str) -> Erasure | None:
        """Return the receipt of an erasure, None if there is none of this id."""
        records = await self.chain.records(create=False)
        return None if records is None else await records.erasure(erasure_id)

    async def receipts(self, limit: int) -> list[Erasure]:
        """Return the newest receipts."""
        records = await self.chain.records(create=False)
        return [] if records is None else await records.erasures(limit)

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            self._woken.clear()
            try:
                await self.follow()
                await self.work()
            except ProviderError as error:
                _log.debug("erasures_postponed", reason=error.outcome)
            with suppress(TimeoutError):
                async with asyncio.timeout(self.policy.every):
                    await self._woken.wait()

    async def follow(self) -> None:
        """Read the fences that were put since the last look.

        Raises:
            JournalUnavailable: whoever keeps them does not answer.
        """
        records = await self.chain.records(create=False)
        if records is None:
            return
        if records.id != self._of_journal:  # its numbers are others
            self._of_journal, self._last = records.id, 0
            if self.fences:
                await records.add_fences(self.fences.all())
        while (told := await records.fences(self._last)).fences:
            self._know(told.fences)
            self._last = told.last

    async def take_over(self, kept: Journal) -> None:
        """Learn the fences of a file that kept them while there was no journal.

        Raises:
            JournalUnavailable: the file cannot be read.
        """
        last = 0
        while (told := await kept.fences(last)).fences:
            self._know(told.fences)
            last = told.last

    async def work(self) -> None:
        """Do what can be done now, if no other process is at it.

        Raises:
            ProviderError: whoever keeps the erasures does not answer.
        """
        records = await self.chain.records(create=False)
        strangers = await self._strangers()
        for link, told in strangers if records is None else ():
            with suppress(ProviderError):
                if await asked(link, lambda provider: provider.fences(1)):
                    records = await self._records()  # the file that kept them was lost
                else:
                    self._met[link.name] = told
        if records is None:
            return
        waiting = await records.erasures(MAX_ERASURES, open_only=True)
        await self._report(records, waiting)
        is_due = bool(self.fences) and self.now() - self._dropped_at > _DROPPED_EVERY
        listless = self._listless()
        if not (self.fences or waiting):
            for link, told in strangers:  # which may know of erasures that the journal has forgotten
                await self._meet(link, told, records)
            return
        claim = TaskClaim(records, TASK, self.chain.holder)
        if not (strangers or waiting or is_due or listless) or not await claim.hold():
            return
        async with claim.kept():
            for link, told in strangers:
                await self._meet(link, told, records)
            await self._replay_again(listless)
            for erasure in reversed(waiting):
                await self._advance.advance(records, erasure)
            if is_due:
                await self._drop(records)

    async def replay(self, names: Sequence[str] = ()) -> list[Replay]:
        """Erase once more what these stores, by default all, hold of owners who were erased.

        Raises:
            Unavailable: a store, or whoever keeps the list, does not answer.
        """
        await self.follow()
        links = [link for link in self.chain.route.links if not names or link.name in names]
        return [await replay(link, self.fences) for link in links]

    async def _records(self) -> Journal:
        records = await self.chain.records()
        if records is None:
            raise Unavailable("there is nobody who keeps erasures")
        return records

    def _know(self, fences: Sequence[Fence]) -> None:
        self.fences.add(fences)
        for fence in fences:
            self.clock.observe(fence.version)

    async def _strangers(self) -> list[tuple[Link, Told]]:
        """Return the stores that are not what they were when their list was compared, and what they tell now."""
        found = []
        links = self.chain.route.links
        if self.now() - self._looked_at < self.meets_every and all(link.name in self._met for link in links):
            return []
        self._looked_at = self.now()
        for link in links:
            # Past its breaker, of which a look in the background is no business.
            introduction = await introduction_of(link.name, link.provider, {})
            if introduction is None:
                continue
            if self._met.get(link.name) != (told := _told(introduction)) or await lacks_newest(link, self.fences):
                found.append((link, told))
        return found

    async def _meet(self, link: Link, told: Told, records: Journal) -> None:
        """Compare the list with that of a store, and replay what the store lacks."""
        try:
            if await learn(link, records, self.fences):
                await replay(link, self.fences)
            self._met[link.name] = told
        except ProviderError as error:
            _log.debug("fences_not_compared", provider=link.name, reason=error.outcome)

    def _listless(self) -> list[Link]:
        """Return the stores that keep no list, and so can't tell that they were put back, if they are due."""
        if not self.fences or self.now() - self._replayed_at <= self.replays_every:
            return []
        return [link for link in self.chain.route.links if not link.provider.keeps_fences]

    async def _replay_again(self, links: Sequence[Link]) -> None:
        self._replayed_at = self.now() if links else self._replayed_at
        for link in links:
            try:
                await replay(link, self.fences)
            except ProviderError as error:
                _log.debug("erasures_not_replayed", provider=link.name, reason=error.outcome)

    async def _report(self, records: Journal, waiting: Sequence[Erasure]) -> None:
        left = [one.requested_at for one in waiting if one.finished_at is None]
        age = max(0.0, await records.moment() - min(left)) if left else 0.0
        self.chain.observer.erasing(len(left), age)

    async def _drop(self, records: Journal) -> None:
        """Drop what is too old; as long as a store has not been reached, it is to find the fence when it comes back."""
        left = await records.erasures(MAX_ERASURES, open_only=True)
        if all(one.finished_at is not None for one in left):
            if await records.drop_erasures(self.policy.keep):
                self.fences.forget(await records.moment() - self.policy.keep)
            self._dropped_at = self.now()


def _told(introduction: Introduction) -> Told:
    """Return what tells a store from an earlier state of itself."""
    mark = introduction.mark
    return introduction.identity, introduction.lineage, None if mark is None else f"{mark.journal} {mark.epoch}"
