"""A provider in memory that fails, hangs, lingers or lies where a test wants it to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import uuid4

from providers.answers import Stored
from providers.errors import ProviderError, Unavailable
from providers.health import Health
from providers.introduction import StoreMark
from providers.memory.provider import MockMemoryProvider
from providers.owners import Owner
from providers.replica import MAX_OWNERS
from providers.retention import NO_HISTORY
from providers.summaries import OwnerSummary
from providers.types import NewMemory, Snapshot
from tests.support.clock import FakeClock, hybrid_clock
from tests.support.versions import EVERY_VERSION

P = ParamSpec("P")
R = TypeVar("R")

_EVERYTHING = "*"


def _met(
    method: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]], name: str | None = None, *, reads: bool = True
) -> Callable[Concatenate[Any, P], Coroutine[Any, Any, R]]:
    name = name or method.__name__

    async def wrapper(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> R:  # noqa: ANN401 - any of this class
        if self.ill:
            self.meet_shards(args)
        await self.meet(name)
        instead = self.instead.get(name, method)
        asked = await self.past() if reads and self.behind and instead is method else self
        answer: R = await instead(asked, *args, **kwargs)
        return answer

    return wrapper


def each(answer: Callable[[Snapshot], ProviderError | None]) -> Callable[..., Awaitable[list[ProviderError | None]]]:
    """Return a `put_many` that stores nothing and answers for each state on its own."""

    async def put_many(_provider: FrailProvider, snapshots: Sequence[Snapshot]) -> list[ProviderError | None]:
        return [answer(snapshot) for snapshot in snapshots]

    return put_many


class FrailProvider(MockMemoryProvider):
    """A provider in memory for as long as nothing else is asked of it.

    `failures` are by method, "*" for all of them and "close" for its end; the first success of a method in `healing`
    ends them all. `errors` are those of the next calls, one each. `seconds` is what every call takes, `closing` what
    its end takes. `instead` has
    what is called in the place of a method, with the provider and the method's arguments. `calls` are the methods
    called, `health_check` apart, which nothing but its place in `instead` keeps from answering; `minted` the ids and
    versions of new memories, `put` the ids of states, whatever became of them. Reads are `behind` what it has taken by
    so many seconds; what it says of that is its `staleness`. With `shards` it has so many, the number at the end of a
    user's name says which has its memories, and those that are `ill` do not answer; `refused` counts who has met them.
    """

    def __init__(self, clock: FakeClock | None = None, *, keeps_history: bool = False) -> None:
        retention = EVERY_VERSION if keeps_history else NO_HISTORY
        super().__init__(None if clock is None else hybrid_clock(clock), retention=retention)
        self.failures: dict[str, BaseException] = {}
        self.errors: list[ProviderError] = []
        self.healing: set[str] = set()
        self.seconds = 0.0
        self.closing = 0.0
        self.instead: dict[str, Callable[..., Awaitable[Any]]] = {}
        self.calls: list[str] = []
        self.minted: list[tuple[str | None, int | None]] = []
        self.put: list[str] = []
        self.behind = 0.0
        self.declared = 0.0
        self._now = clock
        self._log: list[tuple[float, Snapshot]] = []
        self.opened = 0
        self.closed = 0
        self.edited_by_others = False
        self.shards = 0
        self.ill: set[int] = set()
        self.refused = 0

    @property
    def down(self) -> bool:
        """Whether every call fails."""
        return _EVERYTHING in self.failures

    @down.setter
    def down(self, down: bool) -> None:
        if down:
            self.failures[_EVERYTHING] = Unavailable("down")
        else:
            self.failures.pop(_EVERYTHING, None)

    @property
    def changed_elsewhere(self) -> bool:
        """See `Replica`."""
        return self.edited_by_others

    @property
    def staleness(self) -> float:
        """See `Replica`."""
        return self.declared

    @property
    def open(self) -> int:
        """How many users have it open."""
        return self.opened - self.closed

    @asynccontextmanager
    async def held(self) -> AsyncIterator["FrailProvider"]:
        """Open it."""
        self.opened += 1
        try:
            yield self
        finally:
            self.closed += 1
            await asyncio.sleep(self.closing)
        if "close" in self.failures:
            raise self.failures["close"]

    def begin_anew(self) -> None:
        """Lose everything, and have another identity and no mark from now on."""
        self._stores.clear()
        self._log.clear()
        self._identity = f"mock:{uuid4()}"
        self._mark = None

    def restore(self, snapshots: Sequence[Snapshot], mark: StoreMark | None = None) -> None:
        """Hold what a backup holds, and nothing else."""
        self._stores.clear()
        self._log.clear()
        self._mark = mark
        for snapshot in snapshots:
            self._put(snapshot)

    @property
    def has_shards(self) -> bool:
        """See `Replica`."""
        return self.shards > 0

    def shard_of(self, owner: Owner) -> int:
        """See `Replica`."""
        return int(owner.user[-1]) % self.shards

    def meet_shards(self, arguments: Iterable[object]) -> None:
        """Fail if what a method is asked about is of an ill shard."""
        asked = [one for argument in arguments for one in (argument if isinstance(argument, Sequence) else [argument])]
        owners = [one if isinstance(one, Owner) else getattr(one, "owner", None) for one in asked]
        if any(self.shard_of(owner) in self.ill for owner in owners if owner is not None):
            self.refused += 1
            raise Unavailable("the shard does not answer")

    async def meet(self, method: str) -> None:
        """Take the time, or fail."""
        self.calls.append(method)
        if self.seconds:
            await asyncio.sleep(self.seconds)
        if self.errors:
            raise self.errors.pop(0)
        failure = self.failures.get(method, self.failures.get(_EVERYTHING))
        if failure is not None:
            raise failure
        if method in self.healing:
            self.failures.clear()

    async def store_many(self, memories: Sequence[NewMemory]) -> list[Stored | ProviderError]:
        """See `MemoryStore`."""
        self.minted += [(memory.memory_id, memory.version) for memory in memories]
        answer = await self._store_many(memories)
        await self._note(
            (memory.owner, stored.id)
            for memory, stored in zip(memories, answer, strict=True)
            if isinstance(stored, Stored)
        )
        return answer

    async def take(self, snapshots: Sequence[Snapshot]) -> list[ProviderError | None]:
        """Put states, and note their ids; this is what `put_many` does."""
        answer = await super().put_many(snapshots)
        self.put += [snapshot.id for snapshot in snapshots]
        await self._note((snapshot.owner, snapshot.id) for snapshot in snapshots)
        return answer

    async def summarize(self, limit: int = MAX_OWNERS, *, after: Owner | None = None) -> list[OwnerSummary]:
        """Return summaries in one call, whatever becomes of calls to other methods."""
        plain = MockMemoryProvider(retention=self._retention)
        plain._stores = self._stores  # noqa: SLF001 - of the same class
        return await plain.summaries(limit, after=after)

    async def past(self) -> MockMemoryProvider:
        """Return what it shows to reads that are behind."""
        assert self._now is not None, "only a provider with a clock can be behind"
        shown = MockMemoryProvider(hybrid_clock(self._now))
        for moment, state in self._log:
            if moment <= self._now() - self.behind:
                await shown.put_many([state])
        return shown

    async def _note(self, memories: Iterable[tuple[Owner, str]]) -> None:
        """Note what has become of memories now, if reads are behind."""
        now = self._now
        if not self.behind or now is None:
            return
        for owner, memory_id in memories:
            state = await MockMemoryProvider.snapshot(self, owner, memory_id)
            if state is not None:
                self._log.append((now(), state))

    async def health_check(self) -> Health:
        """See `MemoryStore`."""
        instead = self.instead.get("health_check", MockMemoryProvider.health_check)
        health: Health = await instead(self)
        return health

    _store_many = _met(MockMemoryProvider.store_many, reads=False)
    put_many = _met(take, "put_many", reads=False)
    purge = _met(MockMemoryProvider.purge, reads=False)
    put_fences = _met(MockMemoryProvider.put_fences, reads=False)
    fences = _met(MockMemoryProvider.fences, reads=False)
    history = _met(MockMemoryProvider.history, reads=False)
    superseded = _met(MockMemoryProvider.superseded, reads=False)
    put_versions = _met(MockMemoryProvider.put_versions, reads=False)
    find = _met(MockMemoryProvider.find)
    find_many = _met(MockMemoryProvider.find_many)
    page = _met(MockMemoryProvider.page)
    feed = _met(MockMemoryProvider.feed)
    fetch = _met(MockMemoryProvider.fetch)
    change = _met(MockMemoryProvider.change, reads=False)
    erase = _met(MockMemoryProvider.erase, reads=False)
    touch = _met(MockMemoryProvider.touch, reads=False)
    snapshot = _met(MockMemoryProvider.snapshot)
    heads = _met(MockMemoryProvider.heads)
    snapshots = _met(MockMemoryProvider.snapshots)
    owners = _met(MockMemoryProvider.owners)
    summaries = _met(summarize, "summaries")
    identity = _met(MockMemoryProvider.identity, reads=False)
    introduce = _met(MockMemoryProvider.introduce, reads=False)
    leave_mark = _met(MockMemoryProvider.leave_mark, reads=False)
