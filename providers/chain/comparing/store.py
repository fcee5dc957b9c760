"""A store as comparisons read it: pages of owners, summaries and states, each call within the limits of its link."""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from providers.answers import Erased
from providers.chain.deadline import CallOptions, Deadline
from providers.chain.link import Ask, Link, Result
from providers.chain.policy import OperationClass
from providers.errors import OwnerErased, ProviderError
from providers.histories import VersionPlace
from providers.introduction import Introduction
from providers.limits import MAX_VERSION
from providers.owners import Owner
from providers.summaries import OwnerSummary
from providers.touches import Touch
from providers.types import Deletion, MemoryRecord, PageQuery, Snapshot

PAGE = 200  # memories or users in one call
# Where a store computes no summaries itself, each one costs it two listings.
SUMMARIES = 20  # in one call


async def no_rest(_seconds: float) -> None:
    """Go on at once."""


class ComparedStore(Struct, frozen=True):
    """A store behind a link; after a call that took some seconds it awaits `rest` with them."""

    link: Link
    now: Callable[[], float] = time.monotonic
    rest: Callable[[float], Awaitable[None]] = no_rest

    @property
    def name(self) -> str:
        """The name of the provider."""
        return self.link.name

    async def owners(self, after: Owner | None = None) -> AsyncGenerator[Owner, None]:
        """Yield the owners that are greater than `after`, ascending."""
        while True:
            page = await self._owners(after)
            for owner in page:
                yield owner
            if len(page) < PAGE:
                return
            after = page[-1]

    async def summaries(self, after: Owner | None) -> AsyncGenerator[OwnerSummary, None]:
        """Yield the summaries of the owners that are greater than `after`, ascending."""
        while True:
            page = await self._summaries(after)
            for summary in page:
                yield summary
            if len(page) < SUMMARIES:
                return
            after = page[-1].owner

    async def pages(self, owner: Owner, after: str | None = None) -> AsyncGenerator[list[Snapshot], None]:
        """Yield pages of an owner's states with ids greater than `after`, ascending; none of them is empty."""
        while True:
            page = await self._states(owner, after)
            if page:
                yield page
            if len(page) < PAGE:
                return
            after = page[-1].id

    async def states(self, owner: Owner, after: str | None = None) -> AsyncGenerator[Snapshot, None]:
        """Yield an owner's states with ids greater than `after`, ascending."""
        async for page in self.pages(owner, after):
            for state in page:
                yield state

    async def versions(self, owner: Owner, after: VersionPlace | None = None) -> AsyncGenerator[Snapshot, None]:
        """Yield an owner's superseded versions behind a place, ascending by id and version."""
        while True:
            page = await self._versions(owner, after)
            for version in page:
                yield version
            if len(page) < PAGE:
                return
            after = page[-1].id, page[-1].version

    async def has_version(self, version: Snapshot) -> bool:
        """Return whether the store keeps this superseded version."""
        found = await self._call(lambda provider: provider.superseded(version.owner, 1, after=_before(version)))
        return [(one.id, one.version) for one in found] == [(version.id, version.version)]

    def put_versions(self, versions: Sequence[Snapshot]) -> Coroutine[Any, Any, list[ProviderError | None]]:
        """Put superseded versions; see `Replica.put_versions`."""
        return self._call(lambda provider: provider.put_versions(versions), len(versions))

    def state(self, owner: Owner, memory_id: str) -> Coroutine[Any, Any, Snapshot | None]:
        """Return the state of one memory."""
        return self._call(lambda provider: provider.snapshot(owner, memory_id))

    async def put(self, states: Sequence[Snapshot]) -> list[ProviderError | None]:
        """Put states; see `Replica.put_many`. One of an owner who was erased meanwhile is as good as put."""
        outcomes = await self._call(lambda provider: provider.put_many(states), len(states))
        return [None if isinstance(outcome, OwnerErased) else outcome for outcome in outcomes]

    def identity(self) -> Coroutine[Any, Any, str]:
        """Return the identity of the store."""
        return self._call(lambda provider: provider.identity())

    def introduction(self) -> Coroutine[Any, Any, Introduction]:
        """Return what the store tells about itself."""
        return self._call(lambda provider: provider.introduce())

    def moment(self) -> Coroutine[Any, Any, datetime | None]:
        """Return what the store's own clock says."""
        return self._call(lambda provider: provider.moment())

    def expired(self, before: datetime, after: Snapshot | None) -> Coroutine[Any, Any, list[Snapshot]]:
        """Return a page of what had expired by a moment; see `Replica.expired`."""
        return self._call(lambda provider: provider.expired(before, PAGE, after=after), PAGE)

    def heads(self, owner: Owner, memory_ids: Sequence[str]) -> Coroutine[Any, Any, dict[str, Snapshot]]:
        """Return states by their ids, perhaps without contents; see `Replica.heads`."""
        return self._call(lambda provider: provider.heads(owner, memory_ids), len(memory_ids))

    def touch(self, touches: Sequence[Touch]) -> Coroutine[Any, Any, None]:
        """Note touches; see `MemoryStore.touch`."""
        return self._call(lambda provider: provider.touch(touches), len(touches))

    async def listed(self, query: PageQuery) -> list[MemoryRecord]:
        """Return a page of an owner's list; see `MemoryStore.page`."""
        return (await self._call(lambda provider: provider.page(query), query.limit)).memories

    def erase(self, deletion: Deletion) -> Coroutine[Any, Any, Erased]:
        """Delete a memory; see `MemoryStore.erase`."""
        return self._call(lambda provider: provider.erase(deletion))

    @property
    def staleness(self) -> float:
        """The seconds after which the store shows what it has taken."""
        return self.link.provider.staleness

    def _owners(self, after: Owner | None) -> Coroutine[Any, Any, list[Owner]]:
        return self._call(lambda provider: provider.owners(PAGE, after=after), PAGE)

    def _summaries(self, after: Owner | None) -> Coroutine[Any, Any, list[OwnerSummary]]:
        return self._call(lambda provider: provider.summaries(SUMMARIES, after=after), PAGE)

    def _states(self, owner: Owner, after: str | None) -> Coroutine[Any, Any, list[Snapshot]]:
        return self._call(lambda provider: provider.snapshots(owner, PAGE, after=after), PAGE)

    def _versions(self, owner: Owner, after: VersionPlace | None) -> Coroutine[Any, Any, list[Snapshot]]:
        return self._call(lambda provider: provider.superseded(owner, PAGE, after=after), PAGE)

    async def _call(self, ask: Ask[Result], size: int = 1) -> Result:
        began = self.now()
        deadline = Deadline.after(self.link.attempts.seconds(OperationClass.REPLAY, PAGE), self.now)
        result = await self.link.call(ask, OperationClass.REPLAY, CallOptions(deadline), size=size)
        await self.rest(self.now() - began)
        return result


def _before(version: Snapshot) -> VersionPlace | None:
    """Return the last place before a superseded version; no place has the version 0."""
    if version.version > 1:
        return version.id, version.version - 1
    number = UUID(version.id).int
    return (str(UUID(int=number - 1)), MAX_VERSION) if number else None
