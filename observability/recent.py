"""The newest of something that is dear to make: made once at a time, and shared by all who ask for it meanwhile."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from observability import tracing

T = TypeVar("T")

SHARED_SECONDS = 1.0  # from its beginning on; a scraper or a balancer that asks every second gets a new one each time

_CLOSE_SECONDS = 1.0  # for what is broken off; what does not heed that is left to the end of the process


class StillBeingMade(Exception):
    """It takes longer than whoever asks would wait; `seconds` is how long it has been at it."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no answer for {seconds:.1f} s")
        self.seconds = seconds


class Recent(Generic[T]):
    """Make one at a time, in a task that is no piece of any request, and share it for so many seconds.

    However many ask, and however often: they get the one that is there, or wait for the one that is being made. An
    error is shared as an answer is.
    """

    def __init__(
        self,
        make: Callable[[], Coroutine[Any, Any, T]],
        name: str,
        seconds: float = SHARED_SECONDS,
    ) -> None:
        self._make = make
        self._name = name
        self._seconds = seconds
        self._began = 0.0
        self._newest: asyncio.Task[T] | None = None
        self._outdated = False

    @property
    def age(self) -> float:
        """Seconds since the newest was begun."""
        return _now() - self._began

    def begun(self) -> asyncio.Task[T]:
        """Give the newest, if it is recent enough or not finished yet, and otherwise begin another.

        To be waited for with `asyncio.wait`, which leaves it running for the others when one of them goes.
        """
        newest = self._newest
        if newest is not None and not newest.done():
            return newest
        if newest is None or newest.cancelled() or self._outdated or self.age >= self._seconds:
            self._outdated = False
            self._began = _now()
            newest = asyncio.create_task(self._make(), name=self._name, context=tracing.detached())
            newest.add_done_callback(_retrieved)
            self._newest = newest
        return newest

    async def get(self, patience: float) -> T:
        """Give one that was begun no longer before this question than one is shared.

        Raises:
            StillBeingMade: there is none after `patience` seconds.
        """
        oldest = _now() - self._seconds
        timer = asyncio.timeout(patience)
        try:
            async with timer:
                while True:
                    newest = self.begun()
                    began = self._began
                    await asyncio.wait({newest})
                    if began >= oldest:
                        return newest.result()
        except TimeoutError as error:
            if not timer.expired():
                raise
            raise StillBeingMade(self.age) from error

    def forget(self) -> None:
        """Take what there is for outdated: something has changed since."""
        self._outdated = True

    async def aclose(self) -> None:
        """Break off what is being made."""
        if self._newest is not None:
            self._newest.cancel()
            await asyncio.wait({self._newest}, timeout=_CLOSE_SECONDS)


def _now() -> float:
    """The clock of the event loop, by which everybody waits."""
    return asyncio.get_running_loop().time()


def _retrieved(task: asyncio.Task[Any]) -> None:
    """Take note of how it ended even if nobody waits any more, or asyncio complains at exit."""
    if not task.cancelled():
        task.exception()
