"""Backfill: copy everything that a provider in sync holds to one that joined later, and verify the copy."""

from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from heapq import merge
from typing import Any

import structlog
from msgspec import Struct
from msgspec.structs import replace

from providers.chain.deadline import CallOptions, Deadline
from providers.chain.link import Ask, Link, Result
from providers.chain.policy import OperationClass
from providers.errors import MemoryDeleted, ProviderError, Rejected
from providers.journal.base import Journal
from providers.journal.operations import Member, MemberState
from providers.types import Owner, Snapshot

PAGE = 200  # memories or users in one call
MAX_PASSES = 5  # of verification, before the backfill is postponed
_CLAIM_SECONDS = 120.0

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


class Backfill(Struct):
    """Backfill one provider from another while both keep receiving writes; it resumes where an earlier one stopped."""

    holder: str
    journal: Journal
    source: Link
    target: Link
    report: Callable[[Progress], None]
    now: Callable[[], float]
    _refused: dict[str, Rejected] = {}

    async def run(self) -> None:
        """Copy what has not been copied yet, verify everything, and mark the provider as complete.

        Raises:
            NotBackfilled: another process does it, or the target refuses memories or holds others.
            Unavailable: the source, the target or the journal does not answer.
        """
        await self._claim()
        copied = await self._copy()
        for _ in range(MAX_PASSES):
            found = await self._verify(copied)
            if found.extra:
                raise NotBackfilled(f"{self.target.name} holds {found.extra} memories that {self.source.name} does not")
            if not found.repaired and self._refused:
                memory_id, error = next(iter(self._refused.items()))
                others = f", and refuses {len(self._refused) - 1} more" if len(self._refused) > 1 else ""
                raise NotBackfilled(f"{self.target.name} refuses memory {memory_id}: {error}{others}")
            if not found.repaired:
                await self._member()  # another store may have taken the name meanwhile
                await self.journal.mark(self.target.name, MemberState.COMPLETE)
                _log.info("provider_complete", provider=self.target.name, copied=found.copied, verified=found.verified)
                return
        raise NotBackfilled(f"{self.target.name} keeps differing from {self.source.name}")

    async def _copy(self) -> Progress:
        member = await self._member()
        progress = Progress(copied=member.copied, copied_users=member.copied_users)
        after = None if member.fill_after is None else Owner(member.fill_after)
        async for owner in self._owners(self.source, after):
            async for snapshot_page in self._pages(self.source, owner):
                taken = await self._put(snapshot_page)
                await self._claim()
                progress = Progress(copied=progress.copied + taken, copied_users=progress.copied_users)
                self.report(progress)
            progress = Progress(copied=progress.copied, copied_users=progress.copied_users + 1)
            await self.journal.note_fill(
                self.target.name, after=owner.user, copied=progress.copied, copied_users=progress.copied_users
            )
        return progress

    async def _verify(self, copied: Progress) -> Progress:
        """Compare everything once, and repair each difference that no pending delivery is about to repair."""
        seen = replace(copied, verifying=True)
        self._refused.clear()
        async for owner in self._all_owners():
            held = {state.id: state async for page in self._pages(self.target, owner) for state in page}
            wanted = {state.id: state async for page in self._pages(self.source, owner) for state in page}
            missing = [state for state in wanted.values() if _differs(state, held.get(state.id))]
            too_many = [state for state in held.values() if not state.deleted and state.id not in wanted]
            missing = [state for state in missing if not await self._in_flux(state)]
            extra = sum([not await self._in_flux(state) for state in too_many])
            repaired = sum([await self._put(missing[start : start + PAGE]) for start in range(0, len(missing), PAGE)])
            await self._claim()
            seen = replace(
                seen, verified=seen.verified + len(wanted), repaired=seen.repaired + repaired, extra=seen.extra + extra
            )
            self.report(seen)
        return seen

    async def _in_flux(self, state: Snapshot) -> bool:
        """Return whether the journal still knows this memory, so that deliveries bring both stores in line."""
        return await self.journal.newest(state.owner, state.id) is not None

    async def _put(self, states: Sequence[Snapshot]) -> int:
        """Put states into the target, and return how many it took; a state that it refuses does not block others."""
        outcomes = await self._replay(self.target, lambda provider: provider.put_many(states), len(states))
        taken = 0
        for state, outcome in zip(states, outcomes, strict=True):
            if outcome is None or isinstance(outcome, MemoryDeleted):
                taken += 1
            elif isinstance(outcome, Rejected):
                self._refused[state.id] = outcome
            else:
                raise outcome
        return taken

    async def _pages(self, link: Link, owner: Owner) -> AsyncIterator[list[Snapshot]]:
        after: str | None = None
        while True:
            page = await self._page(link, owner, after)
            if page:
                yield page
            if len(page) < PAGE:
                return
            after = page[-1].id

    def _page(self, link: Link, owner: Owner, after: str | None) -> Coroutine[Any, Any, list[Snapshot]]:
        return self._replay(link, lambda provider: provider.snapshots(owner, PAGE, after=after), PAGE)

    async def _owners(self, link: Link, after: Owner | None) -> AsyncIterator[Owner]:
        while True:
            page = await self._owner_page(link, after)
            for owner in page:
                yield owner
            if len(page) < PAGE:
                return
            after = page[-1]

    def _owner_page(self, link: Link, after: Owner | None) -> Coroutine[Any, Any, list[Owner]]:
        return self._replay(link, lambda provider: provider.owners(PAGE, after=after), PAGE)

    async def _all_owners(self) -> AsyncIterator[Owner]:
        source = [owner async for owner in self._owners(self.source, None)]
        target = [owner async for owner in self._owners(self.target, None)]
        last = None
        for owner in merge(source, target, key=lambda owner: owner.user):
            if owner != last:
                yield owner
            last = owner

    async def _member(self) -> Member:
        """Return the membership of the target.

        Raises:
            NotBackfilled: the target is no member, or the member of this name is another store.
        """
        member = next((member for member in await self.journal.members() if member.name == self.target.name), None)
        if member is None:
            raise NotBackfilled(f"{self.target.name} is no member")
        identity = await self._replay(self.target, lambda provider: provider.identity())
        if member.identity not in {None, identity}:
            raise NotBackfilled(f"{self.target.name} is another store than the member of that name")
        return member

    async def _claim(self) -> None:
        if not await self.journal.claim(f"fill {self.target.name}", self.holder, _CLAIM_SECONDS):
            raise NotBackfilled(f"{self.target.name} is being filled by another process")

    def _replay(self, link: Link, ask: Ask[Result], size: int = 1) -> Coroutine[Any, Any, Result]:
        deadline = Deadline.after(self.target.attempts.seconds(OperationClass.REPLAY, PAGE), self.now)
        return link.call(ask, OperationClass.REPLAY, CallOptions(deadline), size=size)


def _differs(wanted: Snapshot, held: Snapshot | None) -> bool:
    """Return whether the target lacks a state; it need not hold the tombstone of a memory that it never held."""
    if wanted.deleted:
        return held is not None and not held.deleted
    if held is None:
        return True
    # A memory may carry a later version here if its write was repeated while no provider could be asked for the first.
    return not held.deleted and (
        held.version < wanted.version or (held.content, held.metadata) != (wanted.content, wanted.metadata)
    )
