"""The advance of one erasure: look, delete, put the fence, remove from each store and from the journal, look again."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog
from msgspec import Struct
from msgspec.structs import replace

from providers.chain.erasing.chain import ErasedChain
from providers.chain.erasing.sampling import Sample
from providers.chain.erasing.store import StoreEraser, purged
from providers.chain.link import Link
from providers.erasure.fences import FenceList, new_key
from providers.erasure.receipts import OUTRUN, ErasedInJournal, Erasure, StoreErasure
from providers.errors import ProviderError, Unavailable, Unsupported
from providers.journal.base import Journal
from providers.limits import MAX_BATCH
from providers.states.clock import HybridClock

_NO_LINK = "the provider is not in the order of this service"

_log = structlog.get_logger(__name__)


class Advance(Struct):
    """Take erasures as far as they go; `follow` reads the fences that were put."""

    chain: ErasedChain
    clock: HybridClock
    fences: FenceList
    follow: Callable[[], Awaitable[None]]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _samples: dict[str, Sample] = {}

    async def advance(self, records: Journal, erasure: Erasure) -> None:
        """Take an erasure as far as it goes now."""
        if erasure.finished_at is not None:
            await self._look_again(records, erasure)
            return
        sample = self._samples.setdefault(erasure.id, Sample())
        if erasure.outdated:
            erasure = erasure.begun_anew()
        if not erasure.version:
            erasure = await self._fenced(records, erasure, sample)
        fence = self.fences.of(erasure.whose)
        if fence is None:
            return  # it was dropped meanwhile
        eraser = StoreEraser(records.moment, self.chain.journal is None, self.sleep)
        links = {link.name: link for link in self.chain.route.links}
        for name in await self._names(links):
            former = erasure.of(name)
            if former.done:
                continue
            if name in links:
                told = await eraser.erase(links[name], erasure, fence, sample)
                self.chain.observer.purged(name, told.states - former.states)
                if told.trouble == OUTRUN:
                    await records.note_erasure(_with(erasure, told).begun_anew())
                    return  # until the next look, at which a higher fence is put
            else:
                told = replace(former, trouble=_NO_LINK)
            erasure = _with(erasure, told)
            await records.note_erasure(erasure)
        if all(one.done for one in erasure.stores):
            counts = await records.purge(erasure.owner, erasure.version)
            erasure = replace(
                erasure,
                journal=None if self.chain.journal is None else _sum(erasure, counts),
                finished_at=await records.moment(),
            )
            await records.note_erasure(erasure)
            self._samples.pop(erasure.id, None)
            _log.info("user_erased", erasure=erasure.id, states=sum(one.states for one in erasure.stores))

    async def _fenced(self, records: Journal, erasure: Erasure, sample: Sample) -> Erasure:
        """Look at what there is, delete it as any caller may, and put the fence above it.

        The tombstones hide from every process what the stores still hold, until they hold nothing.
        """
        for link in self.chain.route.links:
            with suppress(ProviderError):
                await sample.take(link, erasure.whose)
        with suppress(ProviderError):  # what cannot be deleted now is removed by each store in its turn
            while (await self.chain.provider.erase_all(erasure.whose)).count == MAX_BATCH:
                pass
        self.clock.observe(sample.version)
        keys = [fence.key for fence in self.fences.all()[:1]] or [new_key()]
        fenced = await records.fence(replace(erasure, version=self.clock.next()), keys[0])
        await self.follow()
        return fenced

    async def _look_again(self, records: Journal, erasure: Erasure) -> None:
        """Remove what arrived after the stores had been asked, and forget the user's name."""
        now = await records.moment()
        if erasure.finished_at is None or now - erasure.finished_at < self._settle_seconds():
            return
        for link in self.chain.route.links:
            with suppress(Unsupported):
                try:
                    late = await purged(link, erasure.whose, erasure.version)
                except Unavailable:
                    return  # at the next look
                if late:
                    former = erasure.of(link.name)
                    erasure = _with(erasure, replace(former, states=former.states + late))
                    self.chain.observer.purged(link.name, late)
        counts = await records.purge(erasure.owner, erasure.version)
        journal = erasure.journal and _sum(erasure, counts)
        await records.note_erasure(replace(erasure, owner="", journal=journal, confirmed_at=now))

    def _settle_seconds(self) -> float:
        """Return after how many seconds nothing arrives any more that was under way."""
        policy = self.chain.policy
        return 2 * policy.longest_request if self.chain.journal is None else policy.retention.keep

    async def _names(self, links: dict[str, Link]) -> list[str]:
        journal = self.chain.journal
        members = [] if journal is None else [member.name for member in await journal.members()]
        return [*dict.fromkeys([*links, *members])]


def _with(erasure: Erasure, store: StoreErasure) -> Erasure:
    others = [one for one in erasure.stores if one.provider != store.provider]
    return replace(erasure, stores=(*others, store))


def _sum(erasure: Erasure, counts: ErasedInJournal) -> ErasedInJournal:
    return (erasure.journal or ErasedInJournal()) + counts
