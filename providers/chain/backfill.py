"""Backfill: copy everything that a provider in sync holds to one that joined later, and verify the copy."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing

import structlog
from msgspec import Struct
from msgspec.structs import replace

from observability.counted import counted
from providers.chain.applying import propagated
from providers.chain.claim import TaskClaim
from providers.chain.comparing.histories import VersionGap, fill_gaps, gaps, keepers
from providers.chain.comparing.store import PAGE, ComparedStore
from providers.chain.comparing.verifying import Verifier
from providers.chain.link import Link
from providers.chain.stores.judging import is_calm
from providers.errors import MemoryDeleted, ProviderError, Rejected
from providers.journal.base import Journal
from providers.journal.operations import Appended, Member, MemberState
from providers.owners import Owner
from providers.types import Snapshot

MAX_PASSES = 5  # of verification, before the backfill is postponed

_log = structlog.get_logger(__name__)


class NotBackfilled(ProviderError):
    """The provider cannot be backfilled now: another process is doing it, or the two hold what cannot be reconciled."""

    outcome = "not_filled"


class Progress(Struct, frozen=True, kw_only=True):
    """The progress of a backfill: what was copied, verified and repaired, and what only the target has (`extra`)."""

    copied: int = 0
    copied_users: int = 0
    verified: int = 0
    repaired: int = 0
    extra: int = 0
    verifying: bool = False


class Backfill:
    """Backfill one provider from another while both keep receiving writes; it resumes where an earlier one stopped.

    What it finds deleted at the target alone is deleted everywhere. What only the target has is no part of a copy: an
    operator decides about it.
    """

    def __init__(
        self,
        holder: str,
        journal: Journal,
        source: Link,
        target: Link,
        report: Callable[[Progress], None],
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.journal, self.report = journal, report
        self._sleep = sleep
        self.source, self.target = ComparedStore(source, now), ComparedStore(target, now)
        self._refused: dict[str, Rejected] = {}
        self._task = TaskClaim(journal, f"fill {target.name}", holder)

    async def run(self) -> None:
        """Copy what has not been copied yet, verify everything, and mark the provider as complete.

        Raises:
            NotBackfilled: another process does it, the target refuses memories or holds others, or the source is not
                the store any more that has everything.
            Unavailable: the source, the target or the journal does not answer.
        """
        await self._claim()
        async with self._task.kept():
            await self._fill()

    async def _fill(self) -> None:
        epoch, since = (await self._member()).epoch, (await self._source_member()).epoch
        copied = await self._copy()
        for _ in range(MAX_PASSES):
            await self._sleep(self.target.staleness)  # until it shows what it has taken
            found = await self._verify(copied)
            if found.extra:
                extra = counted(found.extra, "memory", "memories")
                raise NotBackfilled(
                    f"{self.target.name} holds {extra} that {self.source.name} does not: "
                    f"if they belong to this chain, run `ninai providers merge {self.target.name}`"
                )
            if not found.repaired and self._refused:
                memory_id, error = next(iter(self._refused.items()))
                others = f", and refuses {len(self._refused) - 1} more" if len(self._refused) > 1 else ""
                raise NotBackfilled(f"{self.target.name} refuses memory {memory_id}: {error}{others}")
            if not found.repaired:
                # Another store may have taken one of the names meanwhile, or the source may have lost what it held.
                await self._member()
                if (await self._source_member()).epoch != since:
                    raise _changed(self.source.name)
                await self.journal.mark(self.target.name, MemberState.COMPLETE, epoch=epoch)
                _log.info("provider_complete", provider=self.target.name, copied=found.copied, verified=found.verified)
                return
        raise NotBackfilled(f"{self.target.name} keeps differing from {self.source.name}")

    async def _copy(self) -> Progress:
        member = await self._member()
        progress = Progress(copied=member.copied, copied_users=member.copied_users)
        after = None if member.fill_after is None else Owner.of_key(member.fill_after)
        async for owner in self.source.owners(after):
            async for snapshot_page in self.source.pages(owner):
                taken = await self._put(snapshot_page)
                await self._claim()
                progress = Progress(copied=progress.copied + taken, copied_users=progress.copied_users)
                self.report(progress)
            progress = Progress(copied=progress.copied, copied_users=progress.copied_users + 1)
            await self.journal.note_fill(
                self.target.name, after=owner.key, copied=progress.copied, copied_users=progress.copied_users
            )
        return progress

    async def _verify(self, copied: Progress) -> Progress:
        """Compare everything once, and repair each difference that no pending delivery is about to repair."""
        seen = replace(copied, verifying=True)
        unrecorded: list[Snapshot] = []
        self._refused.clear()
        verifier = Verifier(self.journal, self.source, self.target)
        async for owner in verifier.owners():
            missing: list[Snapshot] = []
            async for result in verifier.results(owner):
                if result.missing is not None and result.unrecorded:
                    unrecorded.append(result.missing)
                elif result.missing is not None:
                    missing.append(result.missing)
                elif result.deletion is not None:
                    await self._spread(result.deletion)
                repaired = 0 if result.deletion is None else 1
                if len(unrecorded) == PAGE:
                    await self.target.put(unrecorded)
                    unrecorded = []
                if len(missing) == PAGE:
                    repaired += await self._put(missing)
                    await self._claim()
                    missing = []
                verified = 0 if result.extra else 1
                seen = replace(
                    seen,
                    verified=seen.verified + verified,
                    repaired=seen.repaired + repaired,
                    extra=seen.extra + result.extra,
                )
            repaired = await self._put(missing) if missing else 0
            await self._complete_history(owner)
            await self._claim()
            seen = replace(seen, repaired=seen.repaired + repaired)
            self.report(seen)
        # No difference to be repaired: a store that keeps no tombstones would never be complete.
        if unrecorded:
            await self.target.put(unrecorded)
        return seen

    async def _complete_history(self, owner: Owner) -> None:
        """Put the superseded versions into the target that only the source has.

        They count as no difference: the two clocks may disagree about what has just become too old.
        """
        if len(keepers([self.source, self.target])) < 2:  # noqa: PLR2004 - both
            return
        stores, lacking = {self.target.name: self.target}, list[VersionGap]()
        async with aclosing(gaps([self.source, self.target], owner)) as found:
            async for gap in found:
                lacking.append(gap)
                if len(lacking) == PAGE:
                    await fill_gaps(stores, lacking)
                    await self._claim()
                    lacking = []
        await fill_gaps(stores, lacking)

    async def _put(self, states: Sequence[Snapshot]) -> int:
        """Put states into the target, and return how many it took; a state that it refuses does not block others."""
        taken = 0
        for state, outcome in zip(states, await self.target.put(states), strict=True):
            if isinstance(outcome, MemoryDeleted):
                await self._spread(state)
            elif isinstance(outcome, Rejected):
                self._refused[state.id] = outcome
                continue
            elif outcome is not None:
                raise outcome
            taken += 1
        return taken

    async def _spread(self, state: Snapshot) -> None:
        """Have a memory deleted everywhere that the target knows as deleted."""
        [appended] = await self.journal.append([propagated(state)])
        # What somebody has deleted since the source was asked is delivered to it as any deletion is.
        if isinstance(appended, Appended) and not appended.repeated:
            _log.info("deletion_spread", memory_id=state.id, providers=[self.source.name])

    async def _member(self) -> Member:
        """Return the membership of the target.

        Raises:
            NotBackfilled: the target is no member, or the member of this name is another store.
        """
        member = await self._member_of(self.target.name)
        if member.identity not in {None, await self.target.identity()}:
            raise NotBackfilled(f"{self.target.name} is another store than the member of that name")
        return member

    async def _source_member(self) -> Member:
        """Return the membership of the source, which says itself that it is the store that has everything.

        Raises:
            NotBackfilled: it is another store, or it has lost something; nothing is to be read from it.
        """
        member = await self._member_of(self.source.name)  # before the store introduces itself: see `judge`
        introduction = await self.source.introduction()
        if not is_calm(member, introduction, self.journal.id) or member.state is not MemberState.COMPLETE:
            raise _changed(self.source.name)
        return member

    async def _member_of(self, name: str) -> Member:
        member = next((member for member in await self.journal.members() if member.name == name), None)
        if member is None:
            raise NotBackfilled(f"{name} is no member")
        return member

    async def _claim(self) -> None:
        if not await self._task.hold():
            raise NotBackfilled(f"{self.target.name} is being filled by another process")


def _changed(source: str) -> NotBackfilled:
    return NotBackfilled(f"{source} is not the store any more from which this was begun: it begins again")
