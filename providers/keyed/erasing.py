"""Erasing an owner from a store of states, and the list of erased owners as a process knows it."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from providers.erasure.fences import Fence, FenceList
from providers.owners import Owner

_FRESH_SECONDS = 1.0  # for which what was read of the list counts


class Erasing(ABC):
    """Remove what an owner has, and hold every write to the list of those who were erased.

    The list is in another place of a store than an owner, so that a write cannot compare itself with it where it is
    made; this process knows it as it was a second ago. What passes it meanwhile is found by the last look of an
    erasure.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._known = FenceList()
        self._edition = ""
        self._read_at = float("-inf")
        self._puts = 0  # while the list is read, it may be put to

    @abstractmethod
    async def purge(self, owner: Owner, version: int, limit: int) -> int:
        """Remove states up to a version, and return how many; see `Replica.purge`."""

    @abstractmethod
    async def keep(self, fences: Sequence[Fence]) -> None:
        """Add fences to the list; of two for one owner the higher stays."""

    @abstractmethod
    async def kept(self) -> list[Fence]:
        """Return the whole list, by the hashes."""

    @abstractmethod
    async def edition(self) -> str:
        """Return a text that is another one once the list has changed, and empty as long as it never has."""

    @abstractmethod
    async def remains(self) -> tuple[str, ...]:
        """Return what the store still holds of removed states; see `Replica.remains`."""

    async def put(self, fences: Sequence[Fence]) -> None:
        """Keep fences; see `Replica.put_fences`."""
        if fences:
            await self.keep(fences)
            self._puts += 1
            self._read_at = float("-inf")

    async def fences(self, limit: int, after: str | None) -> list[Fence]:
        """Return the fences that are kept; see `Replica.fences`."""
        return [fence for fence in await self.kept() if after is None or fence.hash > after][:limit]

    async def listed(self) -> FenceList:
        """Return the list as it was a second ago or later."""
        if self._now() - self._read_at > _FRESH_SECONDS:
            began, puts = self._now(), self._puts
            edition = await self.edition()
            if edition != self._edition:
                known = FenceList()
                known.add(await self.kept())
                self._known, self._edition = known, edition
            self._read_at = began if puts == self._puts else float("-inf")
        return self._known
