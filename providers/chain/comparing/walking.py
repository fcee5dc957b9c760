"""The walk over all owners and memories of several stores, which can be broken off anywhere and continued there."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing
from typing import Self

import msgspec
from msgspec import Struct

from providers.chain.comparing.aligning import aligned
from providers.chain.comparing.comparison import Difference, compare
from providers.chain.comparing.histories import VersionGap, gaps, histories_differ
from providers.chain.comparing.store import ComparedStore
from providers.errors import InvalidInput
from providers.histories import VersionPlace
from providers.owners import Owner
from providers.summaries import OwnerSummary


class WalkPlace(Struct, frozen=True, array_like=True):
    """A place in a walk: everything of the owners before `user` is done, and of that one the memories up to an id.

    Without an id all of the owner is done; with an empty one, nothing. With a `version` the memories are, and of the
    superseded versions those up to this one of the id. `user` is the key of an owner.
    """

    user: str
    memory_id: str | None = None
    version: int | None = None

    @property
    def version_place(self) -> VersionPlace | None:
        """The last of the superseded versions that is done, None if none is."""
        return (self.memory_id, self.version) if self.memory_id and self.version else None

    @property
    def token(self) -> str:
        """The place in letters that can stand in a URL."""
        # Without a version as those before wrote it, whom the place may be given to.
        place = [self.user, self.memory_id] if self.version is None else self
        return urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")

    @classmethod
    def read(cls, token: str) -> Self:
        """Return the place of a token.

        Raises:
            InvalidInput: it is none.
        """
        try:
            return msgspec.json.decode(urlsafe_b64decode(token + "=" * (-len(token) % 4)), type=cls)
        except (msgspec.DecodeError, NotBase64, ValueError) as error:
            raise InvalidInput("after", "must be the `next_after` of the page before") from error


class WalkStep(Struct, frozen=True, kw_only=True):
    """One step of a walk; everything up to `place` is compared.

    The first step of each owner has the summaries by store; a step of a memory has the difference, if there is one, and
    one of a superseded version the `gap`.
    """

    place: WalkPlace
    summaries: dict[str, OwnerSummary | None] | None = None
    difference: Difference | None = None
    gap: VersionGap | None = None


class Walk(Struct, frozen=True):
    """Walk over what stores hold, and compare what the members and the sources among them hold; see `compare`.

    Owners of whom all stores have equal summaries are passed at once.
    """

    stores: Sequence[ComparedStore]
    members: Collection[str]
    sources: Collection[str] = ()

    async def steps(self, after: WalkPlace | None = None) -> AsyncGenerator[WalkStep, None]:
        """Yield the steps that come after a place, or all."""
        owner = None if after is None else Owner.of_key(after.user)
        if after is not None and owner is not None and after.memory_id is not None:
            if after.version is None:
                async for step in self._memories(owner, after.memory_id or None):
                    yield step
            async for step in self._versions(owner, after.version_place):
                yield step
        streams = {store.name: store.summaries(owner) for store in self.stores}
        async with aclosing(aligned(streams, lambda summary: summary.owner.key)) as rows:
            async for key, summaries in rows:
                equal = len({_comparable(summary) for summary in summaries.values()}) == 1
                gaps_there = histories_differ(self._counted, summaries)
                begun = _memories_done(key) if gaps_there else WalkPlace(key)
                yield WalkStep(place=begun if equal else WalkPlace(key, ""), summaries=summaries)
                if not equal:
                    async for step in self._memories(Owner.of_key(key), None):
                        yield step
                if gaps_there:
                    async for step in self._versions(Owner.of_key(key), None):
                        yield step

    async def _memories(self, owner: Owner, after: str | None) -> AsyncGenerator[WalkStep, None]:
        streams = {store.name: store.states(owner, after) for store in self.stores}
        async with aclosing(aligned(streams, lambda state: state.id)) as rows:
            async for memory_id, held in rows:
                difference = compare(held, self.members, self.sources)
                yield WalkStep(place=WalkPlace(owner.key, memory_id), difference=difference)
        yield WalkStep(place=_memories_done(owner.key))

    @property
    def _counted(self) -> list[ComparedStore]:
        return [store for store in self.stores if store.name in {*self.members, *self.sources}]

    async def _versions(self, owner: Owner, after: VersionPlace | None) -> AsyncGenerator[WalkStep, None]:
        async with aclosing(gaps(self._counted, owner, after)) as found:
            async for gap in found:
                yield WalkStep(place=WalkPlace(owner.key, gap.version.id, gap.version.version), gap=gap)
        yield WalkStep(place=WalkPlace(owner.key))


def _memories_done(key: str) -> WalkPlace:
    return WalkPlace(key, "", 0)


def _comparable(summary: OwnerSummary | None) -> tuple[int, int, int]:
    return (0, 0, 0) if summary is None else (summary.live, summary.deleted, summary.digest)
