"""What a chain needs of a provider beyond what callers need: whole states of memories, in and out."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from providers.answers import Erased
from providers.base import MemoryProvider
from providers.errors import ProviderError
from providers.limits import MAX_BATCH, MAX_LIST_LIMIT, check_erase_all
from providers.states.clock import HybridClock
from providers.states.editing import tombstone_for
from providers.types import Owner, PageQuery, Snapshot

MAX_SNAPSHOTS = 1_000  # in one call
MAX_OWNERS = 1_000  # in one call


@runtime_checkable
class Replica(MemoryProvider, Protocol):
    """A provider that can be brought to the same state as another.

    Putting the same snapshots in any order, any number of times, ends in the same state: of two versions of a memory
    the newer one stays, and a tombstone wins over every version, for ever; `providers/states/merging.py` has the rule
    in full. Errors are those of `MemoryProvider`.
    """

    async def erase_all(self, owner: Owner, limit: int = MAX_BATCH) -> Erased:
        """See `MemoryStore`."""
        check_erase_all(owner, limit)
        version = HybridClock().next()  # that of a tombstone counts only against other tombstones
        deleted, after = 0, None
        while deleted < limit:
            wanted = min(limit - deleted, MAX_LIST_LIMIT)
            page = (await self.page(PageQuery(owner=owner, limit=wanted, after=after))).memories
            for refused in await self.put_many([tombstone_for(record, version) for record in page]) if page else ():
                if refused is not None:
                    raise refused
            deleted += len(page)
            if len(page) < wanted:
                break
            after = page[-1].position
        return Erased(count=deleted)

    async def ping(self) -> None:
        """Ask for as little as shows that the store answers, past whatever waits for it here.

        Raises:
            Unavailable: it does not.
        """
        await self.identity()

    @abstractmethod
    async def put_many(self, snapshots: Sequence[Snapshot]) -> list[ProviderError | None]:
        """Bring up to `MAX_SNAPSHOTS` memories to a state, unless what is there is newer; the users may differ.

        The answer holds None where this state or a newer one of the memory is there now, and otherwise why not:
        `MemoryDeleted` where a live memory met a tombstone, `InvalidInput` where one breaks a rule. A memory may occur
        several times; its states are then put in the order given. Repeating the call is harmless.

        Raises:
            Unavailable: nothing is known of any of them.
        """
        raise NotImplementedError

    @abstractmethod
    async def snapshot(self, owner: Owner, memory_id: str) -> Snapshot | None:
        """Return one memory or its tombstone, None if there is neither."""
        raise NotImplementedError

    @abstractmethod
    async def snapshots(self, owner: Owner, limit: int = MAX_SNAPSHOTS, *, after: str | None = None) -> list[Snapshot]:
        """Return an owner's memories and tombstones by ascending id, those whose id is greater than `after`."""
        raise NotImplementedError

    @abstractmethod
    async def owners(self, limit: int = MAX_OWNERS, *, after: Owner | None = None) -> list[Owner]:
        """Return those who have memories or tombstones, ascending by code point, those greater than `after`."""
        raise NotImplementedError

    @abstractmethod
    async def identity(self) -> str:
        """Return the name of the store behind this provider, another one as soon as it is another store.

        Two providers on one database give the same; a database made anew under the same address gives a new one.
        """
        raise NotImplementedError
