"""Designs that let expiries slide, and lose something by it."""

from collections.abc import Callable, Sequence
from datetime import datetime

from msgspec.structs import asdict

from providers.base import MemoryProvider
from providers.chain.comparing.store import ComparedStore
from providers.chain.expiring.sweeper import ExpirySweeper
from providers.chain.route import Route
from providers.touches import Touch
from providers.types import Edit, Snapshot
from providers.wrapper import Call, OperationName, Result, Wrapper
from tests.simulation.design import RealDesign


class SweepsByHomeAlone(RealDesign):
    """Erases what has expired by the touches that home knows, whatever the others do."""

    def sweeper(self, sweeper: ExpirySweeper) -> ExpirySweeper:
        """Return a sweep that asks nobody else."""
        return _Alone(**asdict(sweeper))


class _Alone(ExpirySweeper):
    async def expired(
        self,
        home: ComparedStore,
        others: Sequence[ComparedStore],
        states: Sequence[Snapshot],
        before: datetime,
    ) -> list[Snapshot]:
        return list(states)


class WritesWhatWasRead(RealDesign):
    """Touches, later than it is read, by writing what its reader was given as a version of its own."""

    def __init__(self) -> None:
        self._given: dict[str, str] = {}  # contents, by the ids of their memories

    def called(self, provider: MemoryProvider, route: Callable[[], Route]) -> MemoryProvider:
        """Return a provider whose touches are writes."""
        return _Writing(provider, self._given)


class _Writing(Wrapper):
    def __init__(self, provider: MemoryProvider, given: dict[str, str]) -> None:
        self._provider, self._given = provider, given

    async def through(self, operation: OperationName, call: Call[Result], size: int = 1) -> Result:
        return await call(self._provider)

    async def touch(self, touches: Sequence[Touch]) -> None:
        for touch in touches:
            content = (await self._provider.fetch(touch.owner, touch.memory_id)).memory.content
            given = self._given.pop(touch.memory_id, None)
            if given is None:
                self._given[touch.memory_id] = content
            else:
                await self._provider.change(Edit(owner=touch.owner, memory_id=touch.memory_id, content=given))
