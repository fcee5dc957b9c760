"""A provider in memory whose reads are behind its writes."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from providers.answers import Stored
from providers.errors import ProviderError
from providers.memory.provider import MockMemoryProvider
from providers.types import NewMemory, Owner, Snapshot
from tests.support.clock import FakeClock, hybrid_clock
from tests.support.frail import FrailProvider


def _past(method: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Coroutine[Any, Any, Any]]:
    """Return the method that answers with what was there `behind` seconds ago."""

    async def read(self: Any, /, *args: object, **kwargs: object) -> object:  # noqa: ANN401 - any of this class
        await self.meet(method.__name__)
        past = MockMemoryProvider(hybrid_clock(self.clock))
        for moment, state in self.log:
            if moment <= self.clock() - self.behind:
                await past.put_many([state])
        return await method(past, *args, **kwargs)

    return read


class StaleProvider(FrailProvider):
    """A provider that takes everything at once, and shows it `behind` seconds later.

    `declared` is what it says of itself; `log` has the states that it has taken, each with its moment.
    """

    def __init__(self, clock: FakeClock, behind: float, declared: float | None = None) -> None:
        super().__init__(clock)
        self.clock = clock
        self.behind = behind
        self.declared = behind if declared is None else declared
        self.log: list[tuple[float, Snapshot]] = []

    @property
    def staleness(self) -> float:
        """See `Replica`."""
        return self.declared

    async def store_many(self, memories: Sequence[NewMemory]) -> list[Stored | ProviderError]:
        """See `MemoryStore`."""
        answer = await super().store_many(memories)
        for memory, stored in zip(memories, answer, strict=True):
            if isinstance(stored, Stored):
                await self._note(memory.owner, stored.id)
        return answer

    async def take(self, snapshots: Sequence[Snapshot]) -> list[ProviderError | None]:
        """Put states, and note what they have become."""
        answer = await super().take(snapshots)
        for snapshot in snapshots:
            await self._note(snapshot.owner, snapshot.id)
        return answer

    def lose(self) -> None:
        """Forget everything, as a store that was rolled back to its beginning."""
        self.restore([])
        self.log.clear()

    async def _note(self, owner: Owner, memory_id: str) -> None:
        state = await MockMemoryProvider.snapshot(self, owner, memory_id)
        if state is not None:
            self.log.append((self.clock(), state))

    find = _past(MockMemoryProvider.find)
    find_many = _past(MockMemoryProvider.find_many)
    page = _past(MockMemoryProvider.page)
    fetch = _past(MockMemoryProvider.fetch)
    snapshot = _past(MockMemoryProvider.snapshot)
    snapshots = _past(MockMemoryProvider.snapshots)
    owners = _past(MockMemoryProvider.owners)
