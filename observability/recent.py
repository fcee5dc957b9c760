"""A value that is expensive to make: made once at a time, and shared by all callers that ask for it meanwhile."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from observability import tracing

T = TypeVar("T")

SHARED_SECONDS = 1.0  # from its beginning; a scraper or a balancer that asks every second gets a new one each time

_CLOSE_SECONDS = 1.0  # for a cancelled task; one that ignores its cancellation is left to the end of the process


class NotReadyInTime(Exception):
    """Signal that making the value takes longer than the caller waits; `seconds` is how long it has taken so far."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no answer for {seconds:.1f} s")
        self.seconds = seconds


class Recent(Generic[T]):
    """Make one value at a time, in a task that belongs to no request, and share it for so many seconds.

    However many callers ask, and however often: they get the current value, or wait for the one that is being made. An
    error is shared as a value is.
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
        """Seconds since the newest value was begun."""
        return _now() - self._began

    def begun(self) -> asyncio.Task[T]:
        """Return the task of the newest value, if it is recent enough or not finished yet, and otherwise begin another.

        Wait for it with `asyncio.wait`, which leaves it running for the others when one caller leaves.
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
        """Return a value that was begun at most the shared seconds before this call.

        Raises:
            NotReadyInTime: there is none after `patience` seconds.
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
            raise NotReadyInTime(self.age) from error

    def forget(self) -> None:
        """Discard the newest value, because something has changed since."""
        self._outdated = True

    async def aclose(self) -> None:
        """Cancel what is being made."""
        if self._newest is not None:
            self._newest.cancel()
            await asyncio.wait({self._newest}, timeout=_CLOSE_SECONDS)


def _now() -> float:
    """Return the time of the event loop, which all waits use."""
    return asyncio.get_running_loop().time()


def _retrieved(task: asyncio.Task[Any]) -> None:
    """Retrieve the result even if no caller waits any more, or asyncio complains at exit."""
    if not task.cancelled():
        task.exception()
